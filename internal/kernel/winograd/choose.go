package winograd

// choose returns the form for a shape, or false where sums of products are
// faster.
func choose(s *Shape) (form, bool) {
	switch {
	case s.Cin < 16 || s.Cout < 16:
		return form{}, false
	case s.KH == 3 && s.KW == 3:
		return form{f43, f43}, true
	case s.KH == 1 && s.KW == 3:
		return form{f11, f43}, true
	case s.KH == 3 && s.KW == 1:
		return form{f43, f11}, true
	case s.KH == 1 && s.KW == 7:
		return form{f11, f37}, true
	case s.KH == 7 && s.KW == 1:
		return form{f37, f11}, true
	}
	return form{}, false
}

// groupBytes is about what a group of tiles takes.
const groupBytes = 1 << 20

// groupOf returns how many tiles are worked on at a time.
func groupOf(s *Shape, f form) int {
	return min(max(groupBytes/(4*f.points()*(s.Cin+s.Cout)), 26), 104)
}
