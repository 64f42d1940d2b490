package augment

import (
	"cmp"
)

// The operations that RandAugment and TrivialAugment draw from, each with a
// strength from 0 to 1 and a sign: those of Cubuk et al. (arXiv:1909.13719) and
// of Müller and Hutter's "wide" space (arXiv:2103.10158), table 6.
var policies = []func(w *work, strength, sign float64, wide bool){
	func(*work, float64, float64, bool) {},
	func(w *work, m, sign float64, wide bool) { // shear
		w.move(matrix{1, mul(mul(pick(wide, .3, .99), m), sign), 0, 0, 1, 0, 0, 0, 1})
	},
	func(w *work, m, sign float64, wide bool) {
		w.move(matrix{1, 0, 0, mul(mul(pick(wide, .3, .99), m), sign), 1, 0, 0, 0, 1})
	},
	func(w *work, m, sign float64, wide bool) { // shift; 32 pixels of 224
		width, _ := w.size()
		w.move(moving(mul(mul(mul(pick(wide, 150./331, 32./224), m), sign), width), 0))
	},
	func(w *work, m, sign float64, wide bool) {
		_, height := w.size()
		w.move(moving(0, mul(mul(mul(pick(wide, 150./331, 32./224), m), sign), height)))
	},
	func(w *work, m, sign float64, wide bool) { w.rotate(mul(mul(pick(wide, 30, 135), m), sign), true) },
	func(w *work, m, sign float64, wide bool) {
		w.brightness(1 + mul(mul(pick(wide, .9, .99), m), sign))
	},
	func(w *work, m, sign float64, wide bool) {
		w.saturation(1 + mul(mul(pick(wide, .9, .99), m), sign))
	},
	func(w *work, m, sign float64, wide bool) { w.contrast(1 + mul(mul(pick(wide, .9, .99), m), sign)) },
	func(w *work, m, sign float64, wide bool) { w.sharpen(1 + mul(mul(pick(wide, .9, .99), m), sign)) },
	func(w *work, m, _ float64, wide bool) {
		Posterize{8 - round(mul(pick(wide, 4, 6), m))}.apply(w)
	},
	func(w *work, m, _ float64, _ bool) { w.solarize(256 - round(mul(256, m))) },
	func(w *work, _, _ float64, _ bool) { AutoContrast{}.apply(w) },
	func(w *work, _, _ float64, _ bool) { Equalize{}.apply(w) },
}

func pick(second bool, a, b float64) float64 {
	if second {
		return b
	}
	return a
}

func (w *work) policy(strength float64, wide bool) {
	sign := 1 - 2*float64(w.below(2))
	policies[w.below(len(policies))](w, strength, sign, wide)
}

// RandAugment does Ops operations, drawn from fourteen, of one strength (Cubuk
// et al., arXiv:1909.13719).
type RandAugment struct {
	Ops int `json:"ops,omitempty"` // default 2
	// Strength is from 0 to 31, the paper's M; default 9.
	Strength float64 `json:"strength,omitempty"`
}

const strongest = 31

func (RandAugment) kind() string { return "rand_augment" }

func (o RandAugment) check() error {
	return within(bound{"ops", float64(o.Ops), 0, 100}, bound{"strength", o.Strength, 0, strongest})
}

func (o RandAugment) apply(w *work) {
	for range cmp.Or(o.Ops, 2) {
		w.policy(cmp.Or(o.Strength, 9)/strongest, false)
	}
}

// TrivialAugment does one operation of fourteen, of a strength drawn anew for
// each picture (Müller and Hutter, arXiv:2103.10158).
type TrivialAugment struct{}

func (TrivialAugment) kind() string { return "trivial_augment" }
func (TrivialAugment) check() error { return nil }

func (TrivialAugment) apply(w *work) { w.policy(float64(w.below(strongest))/(strongest-1), true) }
