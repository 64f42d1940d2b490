package hpo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// Observation is a point and the value it had elsewhere; NaN: it failed. Add
// takes both.
type Observation struct {
	Point Point
	Value float64
}

// ReadPoints reads observations as a JSON list of {"point": {…}, "value": 1.5},
// or such objects one after another. Without a value a point failed.
func ReadPoints(r io.Reader, space *Space) ([]Observation, error) {
	type row struct {
		Point Point    `json:"point"`
		Value *float64 `json:"value"`
	}
	var rows []row
	in := bufio.NewReader(r)
	d := json.NewDecoder(in)
	if first, _ := in.Peek(1); len(first) == 1 && first[0] == '[' {
		if err := d.Decode(&rows); err != nil {
			return nil, fmt.Errorf("hpo: points: %w", err)
		}
	} else {
		for d.More() {
			var next row
			if err := d.Decode(&next); err != nil {
				return nil, fmt.Errorf("hpo: points: %d: %w", len(rows), err)
			}
			rows = append(rows, next)
		}
	}
	var out []Observation
	for i, row := range rows {
		p, err := space.Canonical(row.Point)
		if err != nil {
			return nil, fmt.Errorf("hpo: points: %d: %w", i, err)
		}
		value := math.NaN()
		if row.Value != nil {
			value = *row.Value
		}
		out = append(out, Observation{p, value})
	}
	return out, nil
}

// ReadOptuna reads the ended trials of a study from Optuna's journal file
// (JournalFileBackend). Values of a study that maximises change sign; pruned
// trials count as failed, as their value was never known. Parameters have to be
// those of space, by name, choices and bools among them.
func ReadOptuna(r io.Reader, study string, space *Space) ([]Observation, error) {
	j := optunaJournal{study: -1, name: study}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		if err := j.read(lines.Bytes()); err != nil {
			return nil, fmt.Errorf("hpo: optuna: line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("hpo: optuna: %w", err)
	}
	if j.study < 0 {
		return nil, fmt.Errorf("hpo: optuna: there is no study %q", study)
	}
	var out []Observation
	for i, t := range j.trials {
		if t.study != j.study || t.state == optunaRunning || t.state == optunaWaiting {
			continue
		}
		p, err := space.Canonical(t.point)
		if err != nil {
			return nil, fmt.Errorf("hpo: optuna: trial %d: %w", i, err)
		}
		out = append(out, Observation{p, t.value * j.sign})
	}
	return out, nil
}

// States of Optuna's trials.
const (
	optunaRunning  = 0
	optunaComplete = 1
	optunaWaiting  = 4
)

type optunaTrial struct {
	study int
	state int
	point Point
	value float64
}

// An optunaJournal is what lines of the file add up to.
type optunaJournal struct {
	name    string
	study   int // its number
	sign    float64
	studies []bool // whether each is still there
	trials  []optunaTrial
}

type optunaLine struct {
	Op            int                `json:"op_code"`
	Study         int                `json:"study_id"`
	Name          string             `json:"study_name"`
	Directions    []int              `json:"directions"`
	Trial         int                `json:"trial_id"`
	State         *int               `json:"state"`
	Value         *float64           `json:"value"`
	Values        []float64          `json:"values"`
	Param         string             `json:"param_name"`
	Internal      float64            `json:"param_value_internal"`
	Distribution  string             `json:"distribution"`
	Params        map[string]float64 `json:"params"`
	Distributions map[string]string  `json:"distributions"`
}

func (j *optunaJournal) read(text []byte) error {
	var l optunaLine
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	switch l.Op {
	case 0:
		if l.Name == j.name {
			if len(l.Directions) != 1 {
				return fmt.Errorf("study %q has %d values, want 1", l.Name, len(l.Directions))
			}
			j.study, j.sign = len(j.studies), 1
			if l.Directions[0] == 2 {
				j.sign = -1
			}
		}
		j.studies = append(j.studies, true)
	case 1:
		if l.Study >= 0 && l.Study < len(j.studies) {
			j.studies[l.Study] = false
			if l.Study == j.study {
				j.study = -1
			}
		}
	case 4:
		if l.Study < 0 || l.Study >= len(j.studies) || !j.studies[l.Study] {
			return nil
		}
		t := optunaTrial{study: l.Study, point: Point{}, value: math.NaN()}
		for name, v := range l.Params {
			if err := t.set(name, v, l.Distributions[name]); err != nil {
				return err
			}
		}
		t.end(l)
		j.trials = append(j.trials, t)
	case 5, 6:
		if l.Trial < 0 || l.Trial >= len(j.trials) {
			return fmt.Errorf("there is no trial %d", l.Trial)
		}
		if l.Op == 5 {
			return j.trials[l.Trial].set(l.Param, l.Internal, l.Distribution)
		}
		j.trials[l.Trial].end(l)
	}
	return nil
}

func (t *optunaTrial) end(l optunaLine) {
	if l.State != nil {
		t.state = *l.State
	}
	if t.state != optunaComplete {
		return
	}
	if l.Value != nil {
		t.value = *l.Value
	}
	if len(l.Values) == 1 {
		t.value = l.Values[0]
	}
}

// set gives a parameter its value; of a categorical one the file has the
// position among the choices of its distribution.
func (t *optunaTrial) set(name string, internal float64, distribution string) error {
	var d struct {
		Name       string `json:"name"`
		Attributes struct {
			Choices []any `json:"choices"`
		} `json:"attributes"`
	}
	if err := json.Unmarshal([]byte(distribution), &d); err != nil {
		return fmt.Errorf("distribution of %q: %w", name, err)
	}
	t.point[name] = internal
	if choices := d.Attributes.Choices; d.Name == "CategoricalDistribution" {
		at := int(internal)
		if at < 0 || at >= len(choices) {
			return fmt.Errorf("parameter %q is choice %v of %d", name, internal, len(choices))
		}
		switch c := choices[at].(type) {
		case bool, string:
			t.point[name] = c
		default:
			t.point[name] = fmt.Sprint(c)
		}
	}
	return nil
}

// AddAll adds observations in order, but not those whose point is in the record.
func (o *Optimizer) AddAll(observations []Observation) error {
	for _, ob := range observations {
		x, err := o.space.encode(ob.Point)
		if err != nil {
			return fmt.Errorf("hpo: add: %w", err)
		}
		known := func(t Trial) bool { return t.x.key() == x.key() }
		if slices.ContainsFunc(o.Trials(), known) {
			continue
		}
		if err := o.Add(ob.Point, ob.Value); err != nil {
			return err
		}
	}
	return nil
}
