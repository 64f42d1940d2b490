package argus

import "github.com/argus-go/argus/nn"

// Info is what a classifier knows of its own making; it is stored in the model
// file.
type Info struct {
	Origin  nn.Origin   `json:"origin"`            // of the backbone's weights
	Fit     *FitOptions `json:"fit,omitempty"`     // how it was trained; nil before Fit
	History *History    `json:"history,omitempty"` // what happened meanwhile
	// Calibration is what Calibrate found; nil before.
	Calibration *Calibration `json:"calibration,omitempty"`
}

// Info returns what c knows of its own making.
func (c *Classifier) Info() Info {
	if s := c.now.Load(); s != nil {
		return s.info
	}
	return Info{Origin: c.backbone.Origin}
}
