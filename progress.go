package argus

// Hooks are called while Fit and Evaluate work, on the caller's goroutine. Any
// of them may be nil.
type Hooks struct {
	Progress func(Progress)
	Epoch    func(Epoch) // after each epoch of Fit
}

// Stage is what Fit or Evaluate is busy with.
type Stage string

// The stages, in order. Done and Total count bytes in WeightsStage, steps in
// TrainStage and FineTuneStage, and pictures in FeaturesStage.
const (
	WeightsStage  Stage = "weights"  // the backbone's are read or downloaded
	FeaturesStage Stage = "features" // pictures go through the frozen body
	TrainStage    Stage = "train"
	FineTuneStage Stage = "finetune"
)

// Progress is how far a stage is. Done grows from 0 to Total, where it ends
// even when training stops early.
type Progress struct {
	Stage       Stage
	Done, Total int64
}

// hooks calls all of several.
type hooks []Hooks

func (hs hooks) progress(stage Stage, done, total int64) {
	for _, h := range hs {
		if h.Progress != nil {
			h.Progress(Progress{stage, done, total})
		}
	}
}

func (hs hooks) epoch(e Epoch) {
	for _, h := range hs {
		if h.Epoch != nil {
			h.Epoch(e)
		}
	}
}
