package tfrecord

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

func goldenExample() Example {
	return Example{
		"label":     {Ints: []int64{3}},
		"ints":      {Ints: []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 300}},
		"floats":    {Floats: []float32{0, 1.5, -2.25, 3.4e38, float32(math.Inf(1))}},
		"bytes":     {Bytes: [][]byte{{}, {0, 255}, []byte("class")}},
		"no ints":   {Ints: []int64{}},
		"no floats": {Floats: []float32{}},
		"no bytes":  {Bytes: [][]byte{}},
		"no kind":   {},
		"über":      {Ints: []int64{7}},
	}
}

func goldenSequence() SequenceExample {
	return SequenceExample{
		Context: Example{"length": {Ints: []int64{2}}},
		Lists: map[string][]Feature{
			"frames": {{Bytes: [][]byte{[]byte("one")}}, {Bytes: [][]byte{[]byte("two")}}},
			"none":   {},
		},
	}
}

func TestExamplesOfTensorFlowAreReadAndWritten(t *testing.T) {
	records, err := readAll(bytes.NewReader(file(t, "plain.tfrecord")), ReaderOptions{})
	require.NoError(t, err)
	e, err := ParseExample(records[3], ExampleLimits{})
	require.NoError(t, err)
	require.Equal(t, goldenExample(), e)
	require.Equal(t, records[3], e.Append(nil))
	s, err := ParseSequenceExample(records[4], ExampleLimits{})
	require.NoError(t, err)
	require.Equal(t, goldenSequence(), s)
	require.Equal(t, records[4], s.Append(nil))
}

// message encodes fields that are a number and bytes.
func message(fields ...any) (b []byte) {
	for i := 0; i < len(fields); i += 2 {
		b = protowire.AppendTag(b, protowire.Number(fields[i].(int)), protowire.BytesType)
		b = protowire.AppendBytes(b, fields[i+1].([]byte))
	}
	return b
}

func TestParsingFollowsTheRulesOfProtobuf(t *testing.T) {
	one := Feature{Ints: []int64{1}}.append(nil)
	two := Feature{Ints: []int64{2, 3}}.append(nil)
	text := Feature{Bytes: [][]byte{[]byte("x")}}.append(nil)
	unpacked := message(kindInts, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 5))
	for name, c := range map[string]struct {
		features []byte
		want     Example
	}{
		"the last entry of a name counts":      {message(1, message(1, []byte("a"), 2, one), 1, message(1, []byte("a"), 2, two)), Example{"a": {Ints: []int64{2, 3}}}},
		"lists of one kind are joined":         {message(1, message(1, []byte("a"), 2, append(bytes.Clone(one), two...))), Example{"a": {Ints: []int64{1, 2, 3}}}},
		"values of an entry are joined":        {message(1, message(2, one, 1, []byte("a"), 2, two)), Example{"a": {Ints: []int64{1, 2, 3}}}},
		"the last kind counts":                 {message(1, message(1, []byte("a"), 2, append(bytes.Clone(one), text...))), Example{"a": {Bytes: [][]byte{[]byte("x")}}}},
		"numbers may stand one by one":         {message(1, message(1, []byte("a"), 2, unpacked)), Example{"a": {Ints: []int64{5}}}},
		"unknown fields are passed over":       {message(9, []byte("?"), 1, message(1, []byte("a"), 7, []byte("?"), 2, one)), Example{"a": {Ints: []int64{1}}}},
		"an entry without a name has name ''":  {message(1, message(2, one)), Example{"": {Ints: []int64{1}}}},
		"an entry without a value has no kind": {message(1, message(1, []byte("a"))), Example{"a": {}}},
	} {
		got, err := ParseExample(message(1, c.features), ExampleLimits{})
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
	halves, err := ParseExample(message(1, message(1, message(1, []byte("a"), 2, one)), 1, message(1, message(1, []byte("b"), 2, two))), ExampleLimits{})
	require.NoError(t, err)
	require.Equal(t, Example{"a": {Ints: []int64{1}}, "b": {Ints: []int64{2, 3}}}, halves)
}

func TestAnExampleWithAMillionFeaturesIsRefused(t *testing.T) {
	var features []byte
	for i := range 1_000_000 {
		name := []byte{byte(i), byte(i >> 8), byte(i >> 16)}
		features = append(features, message(1, message(1, name))...)
	}
	data, lists := message(1, features), message(2, features)
	used := allocated(func() {
		_, err := ParseExample(data, ExampleLimits{})
		require.ErrorIs(t, err, ErrTooMany)
		_, err = ParseSequenceExample(lists, ExampleLimits{})
		require.ErrorIs(t, err, ErrTooMany)
	})
	require.Less(t, used, uint64(8<<20))
	_, err := ParseExample(data, ExampleLimits{Features: 10})
	require.ErrorContains(t, err, "limit is 10")
}

func TestListsOfEmptyThingsAreRefused(t *testing.T) {
	empty := bytes.Repeat(message(1, []byte{}), 5_000_000)
	_, err := ParseExample(message(1, message(1, message(2, message(kindBytes, empty)))), ExampleLimits{})
	require.ErrorIs(t, err, ErrTooMany)
	_, err = ParseSequenceExample(message(2, message(1, message(2, empty))), ExampleLimits{})
	require.ErrorIs(t, err, ErrTooMany)
	require.ErrorContains(t, err, "values")
}

// Each level states a length that goes past the one around it, or holds
// itself again, ten thousand levels deep.
func TestNestedLengthBombsAreErrors(t *testing.T) {
	bomb := []byte{}
	for range 10_000 {
		bomb = message(1, bomb)
	}
	used := allocated(func() {
		_, err := ParseExample(bomb, ExampleLimits{})
		if err == nil { // a name that is a bomb is but a name
			_, err = ParseSequenceExample(bomb, ExampleLimits{})
		}
		_ = err
	})
	require.Less(t, used, uint64(1<<20))
	long := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), math.MaxInt64)
	for range 3 { // as Example, Features and entry
		_, err := ParseExample(long, ExampleLimits{})
		require.Error(t, err)
		require.ErrorContains(t, err, "byte")
		long = message(1, long)
	}
	groups := bytes.Repeat([]byte{3<<3 | 3}, 1_000_000) // start of group 3, a million times
	_, err := ParseExample(groups, ExampleLimits{})
	require.Error(t, err)
}

// exampleTypes are the descriptors of example.proto and feature.proto.
func exampleTypes(t testing.TB) (example, sequence protoreflect.MessageType) {
	t.Helper()
	field := func(name string, num int32, typ descriptorpb.FieldDescriptorProto_Type, typeName string, repeated bool) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &num, Type: &typ, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if repeated {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		if typeName != "" {
			f.TypeName = proto.String(".t." + typeName)
		}
		return f
	}
	const msg = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	entry := func(name, value string) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: &name, Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}, Field: []*descriptorpb.FieldDescriptorProto{
			field("key", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING, "", false), field("value", 2, msg, value, false)}}
	}
	message := func(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: &name, Field: fields}
	}
	kinds := message("Feature", field("b", 1, msg, "BytesList", false), field("f", 2, msg, "FloatList", false), field("i", 3, msg, "Int64List", false))
	kinds.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("kind")}}
	for _, f := range kinds.Field {
		f.OneofIndex = proto.Int32(0)
	}
	features := message("Features", field("feature", 1, msg, "Features.FeatureEntry", true))
	features.NestedType = []*descriptorpb.DescriptorProto{entry("FeatureEntry", "Feature")}
	lists := message("FeatureLists", field("feature_list", 1, msg, "FeatureLists.FeatureListEntry", true))
	lists.NestedType = []*descriptorpb.DescriptorProto{entry("FeatureListEntry", "FeatureList")}
	fd, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("t.proto"), Package: proto.String("t"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			message("BytesList", field("value", 1, descriptorpb.FieldDescriptorProto_TYPE_BYTES, "", true)),
			message("FloatList", field("value", 1, descriptorpb.FieldDescriptorProto_TYPE_FLOAT, "", true)),
			message("Int64List", field("value", 1, descriptorpb.FieldDescriptorProto_TYPE_INT64, "", true)),
			kinds, features, message("FeatureList", field("feature", 1, msg, "Feature", true)), lists,
			message("Example", field("features", 1, msg, "Features", false)),
			message("SequenceExample", field("context", 1, msg, "Features", false), field("feature_lists", 2, msg, "FeatureLists", false)),
		},
	}, nil)
	require.NoError(t, err)
	return dynamicpb.NewMessageType(fd.Messages().ByName("Example")), dynamicpb.NewMessageType(fd.Messages().ByName("SequenceExample"))
}

// agree holds an encoding of ours against protobuf's own for the same input. They may
// differ in names that are no UTF-8, which protobuf refuses, and in what is over a limit.
func agree(t *testing.T, typ protoreflect.MessageType, data []byte, parse func([]byte) ([]byte, error)) {
	t.Helper()
	again := func(b []byte) (_ []byte, err error) {
		defer func() { // protobuf v1.36.11 panics at a second key of another wire type
			if p := recover(); p != nil {
				require.Contains(t, fmt.Sprint(p), "cannot convert nil to map key")
				err = errors.New("panic")
			}
		}()
		m := typ.New().Interface()
		if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
			return nil, err
		}
		return proto.MarshalOptions{Deterministic: true}.Marshal(m)
	}
	ours, ourErr := parse(data)
	want, err := again(data)
	if err != nil {
		return
	}
	require.NoError(t, ourErr)
	if len(want) == 0 && string(ours) == "\n\x00" {
		return // an Example without features and one with none are one to us
	}
	ours, err = again(ours) // which quiets NaNs, as for theirs
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, ours), "want %x, got %x, input %x", want, ours, data)
}

func FuzzExampleAgainstProtobuf(f *testing.F) {
	example, sequence := exampleTypes(f)
	f.Add(goldenExample().Append(nil))
	f.Add(goldenSequence().Append(nil))
	f.Add(message(1, message(1, message(1, []byte("a"), 2, message(3, []byte{8, 1})))))
	f.Fuzz(func(t *testing.T, data []byte) {
		agree(t, example, data, func(b []byte) ([]byte, error) {
			e, err := ParseExample(b, ExampleLimits{})
			if err != nil {
				return nil, err
			}
			return e.Append(nil), nil
		})
		agree(t, sequence, data, func(b []byte) ([]byte, error) {
			s, err := ParseSequenceExample(b, ExampleLimits{})
			if err != nil {
				return nil, err
			}
			return s.Append(nil), nil
		})
	})
}
