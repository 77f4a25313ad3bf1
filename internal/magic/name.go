package magic

import (
	"path"
	"strings"
)

// pickled is what people put behind the extensions of torch.save.
var pickled = []Kind{Zip, TorchLegacy, Pickle, Tar}

// squeezed is what joblib and pandas write for a pickle, whatever the name.
var squeezed = []Kind{Pickle, Zlib, Gzip, Bzip2, XZ, LZMA, LZ4, ZFile}

// byExt has, for each extension, the formats that honest files of that name
// are in. The second set are names of models, as opposed to archives, data and
// text.
var byExt, modelExt = func() (map[string][]Kind, map[string]bool) {
	kinds, models := make(map[string][]Kind), make(map[string]bool)
	for _, row := range []struct {
		exts  string
		model bool
		kinds []Kind
	}{
		{"pt pth ckpt checkpoint t7 tar.pt", true, append([]Kind{TorchMobile}, pickled...)},
		{"bin", true, append([]Kind{GGML}, pickled...)},
		{"pkl pickle p pck pkl2 dill cloudpickle", true, append([]Kind{Zip, TorchLegacy}, squeezed...)},
		{"joblib jl", true, squeezed},
		{"distcp mar pt2 package", true, []Kind{Zip}},
		{"ptl", true, []Kind{Zip, TorchMobile}},
		{"pte", true, []Kind{ExecuTorch}},
		{"ptd", true, []Kind{ExecuData}},
		{"npy", true, []Kind{NPY}},
		{"npz keras", true, []Kind{Zip}},
		{"safetensors", true, []Kind{Safetensors}},
		{"onnx ort", true, []Kind{ONNX}},
		{"gguf", true, []Kind{GGUF}},
		{"ggml", true, []Kind{GGML, GGUF}},
		{"h5 hdf5", true, []Kind{HDF5}},
		{"tflite", true, []Kind{TFLite}},
		{"nemo", true, []Kind{Tar, Gzip}},
		{"zip whl jar", false, []Kind{Zip}},
		{"tar", false, []Kind{Tar}},
		{"gz tgz gzip", false, []Kind{Gzip}},
		{"bz2 tbz2", false, []Kind{Bzip2}},
		{"xz txz", false, []Kind{XZ}},
		{"lzma", false, []Kind{LZMA}},
		{"zst zstd", false, []Kind{Zstd}},
		{"lz4", false, []Kind{LZ4}},
		{"z zlib", false, []Kind{Zlib}},
		{"7z", false, []Kind{SevenZip}},
		{"rar", false, []Kind{RAR}},
		{"json", false, []Kind{JSON}},
		{"txt md py yaml yml toml csv jinja cfg ini", false, []Kind{Text, JSON, Empty}},
		{"so dll dylib exe pyd wasm", false, []Kind{Native}},
		{"pyc", false, []Kind{PyC}},
	} {
		for ext := range strings.FieldsSeq(row.exts) {
			kinds[ext] = row.kinds
			models[ext] = row.model
		}
	}
	return kinds, models
}()

func extOf(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	base := path.Base(strings.TrimRight(name, "/"))
	i := strings.LastIndexByte(base, '.')
	if i < 0 {
		return ""
	}
	return base[i+1:]
}

// ByName returns the formats that a name's extension promises; nil when it
// promises nothing. Case does not matter.
func ByName(name string) []Kind {
	return append([]Kind(nil), byExt[extOf(name)]...)
}

// ModelName says whether a name's extension is one that model files have.
// DCP's .metadata counts: it is a pickle.
func ModelName(name string) bool {
	return modelExt[extOf(name)] || path.Base(name) == ".metadata"
}
