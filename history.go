package argus

// History says what happened in a Fit.
type History struct {
	Options FitOptions      `json:"options"` // as used, defaults filled in
	Counts  map[Split][]int `json:"counts"`  // usable pictures of each class
	Bad     []BadPicture    `json:"bad,omitempty"`
	// CacheError says why features could not be written to CacheDir, if so.
	CacheError string `json:"cache_error,omitempty"`
	// LogError says why Logs could not be written, if so.
	LogError string `json:"log_error,omitempty"`
	// Epochs of the head, then those of fine-tuning.
	Epochs []Epoch `json:"epochs"`
	// Stopped says why fine-tuning was not begun, if MinAccuracy was not reached.
	Stopped string `json:"stopped,omitempty"`
	// Best is the number of the epoch in Epochs, from 1, whose weights are
	// used: that of the lowest validation loss.
	Best int `json:"best"`
	// ValAccuracy is that of the epoch used, on the validation pictures. It
	// chose among epochs: what to expect of new pictures is Evaluate's to say.
	ValAccuracy Interval   `json:"val_accuracy"`
	Seconds     FitSeconds `json:"seconds"`
}

// Epoch is one pass over the training pictures.
type Epoch struct {
	Stage       Stage   `json:"stage"`      // TrainStage or FineTuneStage
	Epoch       int     `json:"epoch"`      // from 1 in each stage
	TrainLoss   float64 `json:"train_loss"` // mean over the epoch's steps, with dropout, weights and smoothing
	ValLoss     float64 `json:"val_loss"`   // mean cross-entropy after the epoch, with class weights
	ValAccuracy float64 `json:"val_accuracy"`
	// ValTopK is the part of the validation pictures whose class is among the
	// FitOptions.TopK likeliest.
	ValTopK float64 `json:"val_top_k"`
	// ValRecall is the part told right of each class, in label order; 0 of a
	// class without validation pictures.
	ValRecall    []float64 `json:"val_recall"`
	LearningRate float32   `json:"learning_rate"` // of the last step
}

// FitSeconds is where the time went, in seconds. Decode goes on beside
// Features and is summed over the cores; the others are by the clock.
type FitSeconds struct {
	Decode   float64 `json:"decode"`   // read, decode, resize and augment
	Features float64 `json:"features"` // the frozen body
	Train    float64 `json:"train"`
	FineTune float64 `json:"fine_tune,omitempty"`
	Total    float64 `json:"total"`
}
