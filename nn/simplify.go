package nn

// simplify prepares a resolved layer for inference: dropout and block names are
// gone, sequences are flat, and an activation that follows a layer that can take
// it in is taken in.
func simplify(l Layer) Layer {
	switch l := l.(type) {
	case Seq:
		var out Seq
		for _, m := range l {
			switch m := simplify(m).(type) {
			case Seq:
				for _, n := range m {
					out = push(out, n)
				}
			default:
				out = push(out, m)
			}
		}
		if len(out) == 1 {
			return out[0]
		}
		return out
	case Block:
		return simplify(l.Body)
	case Dropout:
		return Seq{}
	case Act:
		if l.Kind == Linear {
			return Seq{}
		}
	case Concat:
		return Concat(simplifyAll(l))
	case Add:
		l.Branches = simplifyAll(l.Branches)
		return l
	case Gate:
		return Gate{simplify(l.Body)}
	}
	return l
}

func simplifyAll(ls []Layer) []Layer {
	out := make([]Layer, len(ls))
	for i, l := range ls {
		out[i] = simplify(l)
	}
	return out
}

// push appends l, or lets the layer before take it in.
func push(s Seq, l Layer) Seq {
	act, ok := l.(Act)
	if len(s) == 0 || !ok {
		return append(s, l)
	}
	switch last := s[len(s)-1].(type) {
	case Conv:
		if last.Act == Linear {
			last.Act = act.Kind
			s[len(s)-1] = last
			return s
		}
	case Dense:
		if last.Act == Linear {
			last.Act = act.Kind
			s[len(s)-1] = last
			return s
		}
	case Add:
		if last.Act == Linear {
			last.Act = act.Kind
			s[len(s)-1] = last
			return s
		}
	}
	return append(s, l)
}
