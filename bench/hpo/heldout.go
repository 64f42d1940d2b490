package main

import (
	"math"
	"slices"
)

// heldOut are problems that nothing was tuned on: no figure of them was looked
// at before the optimizer was done.
var heldOut = []problem{
	{"camel", slices.Concat(real(-3, 3, 1), real(-2, 2, 1)), -camelLowest, func(x []float64) float64 { return camel(x[0], x[1]) }},
	{"goldstein", real(-2, 2, 2), 3, goldstein},
	{"ackley3", real(-32.768, 32.768, 3), 0, ackley},
	{"griewank5", real(-50, 50, 5), 0, griewank},
	{"cosine8", real(-1, 1, 8), -.8, cosine},
	{"zakharov4", real(-5, 10, 4), 0, zakharov},
	{"dixon3", real(-10, 10, 3), 0, dixon},
	{"rastrigin2", real(-5.12, 5.12, 2), 0, rastrigin},
	{"mixedlevy", slices.Concat(whole(-10, 10, 2), real(-10, 10, 2)), 0, levy},
	{"labelled", slices.Concat(labels(6), real(-3, 3, 2)), -camelLowest - 1, labelled},
}

func goldstein(x []float64) float64 {
	a, b := x[0], x[1]
	return (1 + square(a+b+1)*(19-14*a+3*a*a-14*b+6*a*b+3*b*b)) *
		(30 + square(2*a-3*b)*(18-32*a+12*a*a+48*b-36*a*b+27*b*b))
}

func griewank(x []float64) float64 {
	sum, product := 0.0, 1.0
	for i, v := range x {
		sum += v * v / 4000
		product *= math.Cos(v / math.Sqrt(float64(i+1)))
	}
	return 1 + sum - product
}

func cosine(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v*v - .1*math.Cos(5*math.Pi*v)
	}
	return sum
}

func zakharov(x []float64) float64 {
	squares, linear := 0.0, 0.0
	for i, v := range x {
		squares += v * v
		linear += .5 * float64(i+1) * v
	}
	return squares + square(linear) + square(square(linear))
}

func dixon(x []float64) float64 {
	sum := square(x[0] - 1)
	for i := 1; i < len(x); i++ {
		sum += float64(i+1) * square(2*x[i]*x[i]-x[i-1])
	}
	return sum
}

func rastrigin(x []float64) float64 {
	sum := 10 * float64(len(x))
	for _, v := range x {
		sum += v*v - 10*math.Cos(2*math.Pi*v)
	}
	return sum
}

// labelled is the camel moved and raised by a label.
func labelled(x []float64) float64 {
	k := x[0]
	return camel(x[1]-.2*k, x[2]+.1*k) + square(k-4)/4 - 1
}
