// Package importer holds a test that stands where a user stands: a module of
// its own that requires this one.
package importer
