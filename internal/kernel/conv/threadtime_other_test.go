//go:build !linux

package conv

import "time"

var begin = time.Now()

// threadTime is the time of day: this system does not tell threads apart.
func threadTime() time.Duration { return time.Since(begin) }
