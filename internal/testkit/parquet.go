package testkit

import (
	"bytes"
	"encoding/binary"
)

// Thrift writes structs of Thrift's compact protocol, as Parquet has them.
type Thrift struct {
	b bytes.Buffer
}

// Struct writes a struct: pairs of a field's number and its value, which is an int, an
// int64, a text, a bool, a *Thrift, or a []*Thrift. Numbers must ascend.
func Struct(pairs ...any) *Thrift {
	t := &Thrift{}
	last := 0
	for i := 0; i+1 < len(pairs); i += 2 {
		id := pairs[i].(int)
		typ := map[bool]byte{true: 1, false: 2}
		switch v := pairs[i+1].(type) {
		case int:
			t.head(id, last, 6)
			t.zigzag(int64(v))
		case int64:
			t.head(id, last, 6)
			t.zigzag(v)
		case bool:
			t.head(id, last, typ[v])
		case string:
			t.head(id, last, 8)
			t.uvarint(uint64(len(v)))
			t.b.WriteString(v)
		case *Thrift:
			t.head(id, last, 12)
			t.b.Write(v.Bytes())
		case []*Thrift:
			t.head(id, last, 9)
			t.b.WriteByte(0xfc)
			t.uvarint(uint64(len(v)))
			for _, e := range v {
				t.b.Write(e.Bytes())
			}
		default:
			panic("testkit: internal error: a value that Thrift cannot have here")
		}
		last = id
	}
	t.b.WriteByte(0)
	return t
}

// Bytes is the struct.
func (t *Thrift) Bytes() []byte { return t.b.Bytes() }

func (t *Thrift) head(id, last int, typ byte) { t.b.WriteByte(byte(id-last)<<4 | typ) }

func (t *Thrift) uvarint(v uint64) { t.b.Write(binary.AppendUvarint(nil, v)) }

func (t *Thrift) zigzag(v int64) { t.uvarint(uint64(v<<1) ^ uint64(v>>63)) }

// ParquetColumn is a column of a Parquet file that Parquet writes. What is 0 is as it
// should be; everything else is written as it stands, true or not.
type ParquetColumn struct {
	Name   string
	Kind   int // as parquet.thrift numbers it
	Length int
	Fields []any // further ones of its line of the schema

	Codec      int
	Encoding   int
	Dictionary []byte
	Entries    int // of the dictionary
	Pages      [][]byte
	Values     []int // of the pages
	Size       int   // of a page, decompressed
	Offset     int64
	Total      int64 // bytes of the chunk
	Count      int64 // values of the chunk
}

// page is the header and the bytes of a data page.
func (c *ParquetColumn) page(kind, values int, b []byte) []byte {
	size := len(b)
	if c.Size != 0 && kind == 0 {
		size = c.Size
	}
	part := Struct(1, values, 2, c.Encoding, 3, 3, 4, 3)
	field := 5
	if kind == 2 {
		part, field = Struct(1, values, 2, 0), 7
	}
	return append(Struct(1, kind, 2, size, 3, len(b), field, part).Bytes(), b...)
}

// Parquet writes a file of one row group whose columns have neither nulls nor lists, but
// for what a column says itself.
func Parquet(rows int64, columns ...ParquetColumn) []byte {
	out := bytes.NewBufferString("PAR1")
	schema := []*Thrift{Struct(4, "schema", 5, len(columns))}
	var chunks []*Thrift
	for i := range columns {
		c := &columns[i]
		schema = append(schema, Struct(append([]any{1, c.Kind, 2, c.Length, 3, 0, 4, c.Name}, c.Fields...)...))
		from := int64(out.Len())
		if c.Dictionary != nil {
			out.Write(c.page(2, c.Entries, c.Dictionary))
		}
		count := int64(0)
		for p, b := range c.Pages {
			out.Write(c.page(0, c.Values[p], b))
			count += int64(c.Values[p])
		}
		or := func(said, honest int64) int64 {
			if said != 0 {
				return said
			}
			return honest
		}
		chunks = append(chunks, Struct(3, Struct(1, c.Kind, 4, c.Codec, 5, or(c.Count, count), 7, or(c.Total, int64(out.Len())-from), 9, or(c.Offset, from))))
	}
	return ParquetFooter(out.Bytes(), Struct(1, 1, 2, schema, 3, rows, 4, []*Thrift{Struct(1, chunks, 2, 0, 3, rows)}))
}

// ParquetFooter puts a footer behind the data of a file.
func ParquetFooter(data []byte, footer *Thrift) []byte {
	b := append(bytes.Clone(data), footer.Bytes()...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer.Bytes())))
	return append(b, "PAR1"...)
}
