// Package argus recognises pictures: a folder of photographs in, a trained
// classifier out, in pure Go.
package argus
