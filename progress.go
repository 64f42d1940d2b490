package argus

// Hooks are called while Fit and Evaluate work, on the caller's goroutine. Any
// of them may be nil.
type Hooks struct {
	Progress func(Progress)
	Epoch    func(Epoch) // after each epoch of Fit
}

// Stage is what Fit or Evaluate is busy with.
type Stage string

// The stages, in order. Done and Total count bytes in WeightsStage, epochs in
// TrainStage, batches in FineTuneStage, and pictures in the others.
const (
	WeightsStage  Stage = "weights"  // the backbone's are read or downloaded
	FeaturesStage Stage = "features" // pictures go through the frozen body
	TrainStage    Stage = "train"
	CutStage      Stage = "cut" // pictures go through the part that stays frozen
	FineTuneStage Stage = "finetune"
)

// Progress is how far a stage is. Done grows from 0 to Total, where it ends
// even when training stops early.
type Progress struct {
	Stage       Stage
	Done, Total int64
}
