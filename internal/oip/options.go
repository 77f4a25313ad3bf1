package oip

// Options say what is let through. The zero value is the strictest.
type Options struct {
	Limits Limits
	// Parameters are the names that are let through, sorted; Schema.Wire.Parameters
	// of a schema. Those of the framing are known without it.
	Parameters []string
	// DropParameters leaves others out instead of refusing them, for the answers
	// of servers that add their own.
	DropParameters bool
	// SharedMemory lets inputs and outputs through that lie in shared memory and
	// cannot be checked.
	SharedMemory bool
}

// Limits bounds what is read. A zero is the default.
type Limits struct {
	Body       int64 // bytes of a body or message: 64 MiB
	Header     int64 // bytes of JSON beside data: 1 MiB
	Tensors    int   // inputs, and as many outputs: 64
	Rank       int   // dimensions of a shape, and so the nesting of data: 16
	Elements   int64 // of all tensors together: 16,777,216
	Parameters int   // of a message, and of each tensor: 32
	Name       int   // bytes of a name, id or version: 256
	Text       int   // bytes of the value of a parameter: 4096
	Prompts    int   // of a request in the form of OpenAI: 1024
}

func (l Limits) filled() Limits {
	d := Limits{64 << 20, 1 << 20, 64, 16, 16 << 20, 32, 256, 4096, 1024}
	for _, v := range []struct{ got, def *int64 }{{&l.Body, &d.Body}, {&l.Header, &d.Header}, {&l.Elements, &d.Elements}} {
		if *v.got <= 0 {
			*v.got = *v.def
		}
	}
	for _, v := range []struct{ got, def *int }{{&l.Tensors, &d.Tensors}, {&l.Rank, &d.Rank}, {&l.Parameters, &d.Parameters}, {&l.Name, &d.Name}, {&l.Text, &d.Text}, {&l.Prompts, &d.Prompts}} {
		if *v.got <= 0 {
			*v.got = *v.def
		}
	}
	return l
}
