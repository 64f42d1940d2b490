// Package nn describes networks as plain values and runs them.
//
// A [Layer] says what is computed, not with which weights or on which machine.
// The set of layers is closed, and everything else is an interpreter of it, one
// type switch each:
//
//   - [OutShape], [Params], [MACs] and [Summary] tell what a network holds;
//   - JSON form: a [Model] marshals to a tree of one-key objects;
//   - [Weights.Check] holds a set of weights against a network;
//   - [Build] makes Gorgonia nodes of it, one per layer, differentiable;
//   - [Freeze] makes a [Plan]: weights packed, batch norm folded, memory laid out
//     once. In a Gorgonia graph a plan is one node ([Plan.Apply]).
//
// Activations are float32 in NHWC order. Shapes leave the batch out.
package nn
