// Package lint holds rules about this repository's own source: which package
// may import which, and what every file must have. Its tests are the rules.
package lint
