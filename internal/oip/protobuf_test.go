package oip

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type (
	fieldType = descriptorpb.FieldDescriptorProto_Type
	fieldSpec struct {
		name     string
		num      int32
		typ      fieldType
		message  string
		repeated bool
	}
)

const (
	tBool   = descriptorpb.FieldDescriptorProto_TYPE_BOOL
	tInt32  = descriptorpb.FieldDescriptorProto_TYPE_INT32
	tInt64  = descriptorpb.FieldDescriptorProto_TYPE_INT64
	tUint32 = descriptorpb.FieldDescriptorProto_TYPE_UINT32
	tUint64 = descriptorpb.FieldDescriptorProto_TYPE_UINT64
	tFloat  = descriptorpb.FieldDescriptorProto_TYPE_FLOAT
	tDouble = descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
	tString = descriptorpb.FieldDescriptorProto_TYPE_STRING
	tBytes  = descriptorpb.FieldDescriptorProto_TYPE_BYTES
	tMsg    = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
)

// protocol is the messages as the specification has them, apart from the tables of
// the reader.
var protocol = map[string][]fieldSpec{
	"Param":     {{"b", 1, tBool, "", false}, {"i", 2, tInt64, "", false}, {"s", 3, tString, "", false}, {"d", 4, tDouble, "", false}, {"u", 5, tUint64, "", false}},
	"Entry":     {{"key", 1, tString, "", false}, {"value", 2, tMsg, "Param", false}},
	"Contents":  {{"b", 1, tBool, "", true}, {"i", 2, tInt32, "", true}, {"l", 3, tInt64, "", true}, {"u", 4, tUint32, "", true}, {"ul", 5, tUint64, "", true}, {"f", 6, tFloat, "", true}, {"d", 7, tDouble, "", true}, {"s", 8, tBytes, "", true}},
	"Tensor":    {{"name", 1, tString, "", false}, {"datatype", 2, tString, "", false}, {"shape", 3, tInt64, "", true}, {"parameters", 4, tMsg, "Entry", true}, {"contents", 5, tMsg, "Contents", false}},
	"Requested": {{"name", 1, tString, "", false}, {"parameters", 2, tMsg, "Entry", true}},
	"Request":   {{"model_name", 1, tString, "", false}, {"model_version", 2, tString, "", false}, {"id", 3, tString, "", false}, {"parameters", 4, tMsg, "Entry", true}, {"inputs", 5, tMsg, "Tensor", true}, {"outputs", 6, tMsg, "Requested", true}, {"raw", 7, tBytes, "", true}},
	"Response":  {{"model_name", 1, tString, "", false}, {"model_version", 2, tString, "", false}, {"id", 3, tString, "", false}, {"parameters", 4, tMsg, "Entry", true}, {"outputs", 5, tMsg, "Tensor", true}, {"raw", 6, tBytes, "", true}},
	"Stream":    {{"error_message", 1, tString, "", false}, {"infer_response", 2, tMsg, "Response", false}},
}

// protocolFile builds descriptors. Maps are lists of entries, so that their order
// is compared as well; the members of a choice are plain fields.
func protocolFile(t testing.TB) protoreflect.FileDescriptor {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{Name: new("p.proto"), Package: new("p"), Syntax: new("proto3")}
	for name, fields := range protocol {
		m := &descriptorpb.DescriptorProto{Name: new(name)}
		for _, f := range fields {
			label := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
			if f.repeated {
				label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
			}
			d := &descriptorpb.FieldDescriptorProto{Name: new(f.name), Number: new(f.num), Type: f.typ.Enum(), Label: label.Enum()}
			if f.message != "" {
				d.TypeName = new(".p." + f.message)
			}
			m.Field = append(m.Field, d)
		}
		file.MessageType = append(file.MessageType, m)
	}
	fd, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// asProtobuf reads an accepted message and what it was written as with protobuf:
// both are the same, but for the order of parameters.
func asProtobuf(t *testing.T, read string, body, written []byte) {
	t.Helper()
	name := map[string]protoreflect.Name{"grpc": "Request", "grpc-answer": "Response", "stream-answer": "Stream"}[read]
	fd := protocolFile(t)
	was, is := dynamicpb.NewMessage(fd.Messages().ByName(name)), dynamicpb.NewMessage(fd.Messages().ByName(name))
	if err := proto.Unmarshal(body, was); err != nil {
		t.Fatalf("%x is accepted, and protobuf says %v", body, err)
	}
	if err := proto.Unmarshal(written, is); err != nil {
		t.Fatalf("%x is written, and protobuf says %v", written, err)
	}
	normal(was)
	normal(is)
	if !proto.Equal(was, is) {
		t.Fatalf("%v is written as %v", was, is)
	}
}

// normal sorts parameters, takes empty contents away, and puts inputs in shared
// memory behind the others.
func normal(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Name() == "contents" && isEmpty(v.Message()):
			m.Clear(fd)
		case fd.Kind() == protoreflect.MessageKind && fd.IsList():
			list := v.List()
			for i := range list.Len() {
				normal(list.Get(i).Message())
			}
			switch fd.Message().Name() {
			case "Entry":
				arrange(list, func(m protoreflect.Message) string { return m.Get(m.Descriptor().Fields().ByName("key")).String() })
			case "Tensor":
				arrange(list, inMemory)
			default:
			}
		case fd.Kind() == protoreflect.MessageKind:
			normal(v.Message())
		}
		return true
	})
}

func isEmpty(m protoreflect.Message) bool {
	empty := true
	m.Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool { empty = false; return false })
	return empty
}

// inMemory is "1" for a tensor that lies in shared memory.
func inMemory(m protoreflect.Message) string {
	list := m.Get(m.Descriptor().Fields().ByName("parameters")).List()
	for i := range list.Len() {
		e := list.Get(i).Message()
		if e.Get(e.Descriptor().Fields().ByName("key")).String() == memoryRegion {
			return "1"
		}
	}
	return "0"
}

// arrange sorts a list and keeps the order of equal keys. It takes out of the
// entries an offset of 0 and a size, which need not be said.
func arrange(list protoreflect.List, key func(protoreflect.Message) string) {
	var ms []protoreflect.Message
	for i := range list.Len() {
		m := list.Get(i).Message()
		if key(m) == memoryOffset && zeroOffset(m) || key(m) == "binary_data_size" {
			continue
		}
		at := len(ms)
		for at > 0 && key(ms[at-1]) > key(m) {
			at--
		}
		ms = append(ms[:at], append([]protoreflect.Message{m}, ms[at:]...)...)
	}
	list.Truncate(0)
	for _, m := range ms {
		list.Append(protoreflect.ValueOfMessage(m))
	}
}

func zeroOffset(entry protoreflect.Message) bool {
	v := entry.Get(entry.Descriptor().Fields().ByName("value")).Message()
	return v.Get(v.Descriptor().Fields().ByName("i")).Int() == 0
}

// TestProtobuf holds all accepted vectors against protobuf.
func TestProtobuf(t *testing.T) {
	n := 0
	for _, v := range grpcVectors() {
		if v.Code != "" {
			continue
		}
		v = v.complete(t)
		written := v.Write64
		if written == nil {
			written = []byte(v.Write)
		}
		if v.Options == nil || !v.Options.Drop {
			asProtobuf(t, v.Read, v.body(), written)
			n++
		}
	}
	if n < 30 {
		t.Errorf("only %d messages were compared", n)
	}
}
