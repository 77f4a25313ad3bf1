package pickle

// SetBufferSizes sets the files that are read again when a frame ends inside an
// instruction.
func SetBufferSizes(sizes ...int64) { bufferSizes = sizes }
