package nn

// averaged is a step that gives the mean over the pixels of its output beside it, if
// anybody wants that.
type averaged struct {
	step      int
	out, mean value
	wanted    bool
}

// meanOf is the mean over the pixels of v, where the last step can give it and it may
// be anywhere.
func (c *planner) meanOf(v value, s sink) (mean value, ok bool) {
	d := c.averaged
	if s.dst != nil || d == nil || d.step != len(c.steps)-1 || d.out != v || d.wanted {
		return value{}, false // a second mean is a value of its own, which may be changed in place
	}
	d.mean, d.wanted = c.fresh(Shape{1, 1, v.shape.C}), true
	c.spans[d.mean.buf].from = d.step
	return d.mean, true
}
