//go:build !unix

package main

import "time"

var start = time.Now()

// cpu is seconds by the clock.
func cpu() float64 { return time.Since(start).Seconds() }
