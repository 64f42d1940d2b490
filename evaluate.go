package argus

// Report is how well a classifier does on pictures whose class is known.
type Report struct {
	Classes  []string `json:"classes"`
	N        int      `json:"n"` // pictures judged, without the bad ones
	Accuracy Interval `json:"accuracy"`
	// Loss is the mean cross-entropy, every picture alike.
	Loss      float64       `json:"loss"`
	Confusion [][]int       `json:"confusion"` // [truth][predicted]
	PerClass  []ClassReport `json:"per_class"`
	// Worst is the wrong answers, the surest first, 20 at most.
	Worst []Outcome `json:"worst,omitempty"`
	// Outcomes is all answers in the order of the dataset.
	Outcomes []Outcome    `json:"outcomes"`
	Bad      []BadPicture `json:"bad,omitempty"`
	Seconds  EvalSeconds  `json:"seconds"`
}

// ClassReport is how well one class is found. What is undefined, such as the
// precision of a class never predicted, is 0.
type ClassReport struct {
	Class     string  `json:"class"`
	Precision float64 `json:"precision"` // right among those predicted so
	Recall    float64 `json:"recall"`    // right among those that are so
	F1        float64 `json:"f1"`        // harmonic mean of both
	Support   int     `json:"support"`   // pictures of the class
}

// Outcome is the answer for one picture.
type Outcome struct {
	Path        string  `json:"path"`
	Truth       string  `json:"truth"`
	Label       string  `json:"label"`       // predicted
	Probability float64 `json:"probability"` // of Label
}

// EvalSeconds is where the time went; Decode goes on beside Features and is
// summed over the cores.
type EvalSeconds struct {
	Decode   float64 `json:"decode"`
	Features float64 `json:"features"`
	Total    float64 `json:"total"`
}
