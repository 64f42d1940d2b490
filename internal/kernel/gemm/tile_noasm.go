package gemm

func implementations() []*implementation { return []*implementation{generic} }
