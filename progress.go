package argus

// Hooks are called while Fit and Evaluate work, on the caller's goroutine. Any
// of them may be nil.
type Hooks struct {
	Progress func(Progress)
	Epoch    func(Epoch) // after each epoch of Fit
	// Stop is asked after each epoch of Fit: true ends this stage, whose best
	// epoch so far counts.
	Stop func(Epoch) bool
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

// epoch also says whether one of them wants to stop.
func (hs hooks) epoch(e Epoch) (stop bool) {
	for _, h := range hs {
		if h.Epoch != nil {
			h.Epoch(e)
		}
		stop = h.Stop != nil && h.Stop(e) || stop
	}
	return stop
}
