package hpo

type journal struct{}

func (*journal) ask(Trial, model) error { return nil }
func (*journal) tell(Trial) error       { return nil }
func (*journal) add(Trial) error        { return nil }
