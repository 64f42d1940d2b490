// Package memory says how much memory a program may still take.
package memory

// Available is about how many bytes can be allocated without swapping or being
// killed: what the system has free, or what the control group of a container
// leaves. It says false where that is not known.
func Available() (bytes int64, known bool) { return available() }
