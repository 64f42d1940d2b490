//go:build !purego

package cpu

const best = NEON
