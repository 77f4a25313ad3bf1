package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/osfile"
)

func (a *app) opsPresetsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "presets [DIR]",
		Short: "Write CMake presets that build operators with sanitizers",
		Long: `Write CMakePresets.json into DIR, or the current folder, with four presets to
configure, build and test with:

  plain     with the checks of the standard library and the compiler's warnings
  asan      with AddressSanitizer and UndefinedBehaviorSanitizer
  tsan      with ThreadSanitizer
  valgrind  for ctest -T memcheck

The presets for tests say what Python has to be started with: which libraries it has
to preload, in which order, and how the sanitizers leave alone what is not the
project's. andiron-tsan/ATen/ParallelOpenMP.h is written beside it: ThreadSanitizer
does not understand OpenMP, and reports races in correct code without it.

A project that has a CMakePresets.json gets CMakeUserPresets.json, which CMake reads as
well. No file is overwritten. The presets are for GCC 12 to 15 on Linux.`,
		Example: `  andiron ops presets
  cmake --preset asan -DCMAKE_PREFIX_PATH="$(python -c 'import torch; print(torch.utils.cmake_prefix_path)')"
  cmake --build --preset asan
  ctest --preset asan`,
		Args: wants("DIR", 0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := folderOf(args, ".")
			if err != nil {
				return err
			}
			return a.opsPresets(dir)
		},
		ValidArgsFunction: completeFolders,
	}
}

func (a *app) opsPresets(dir string) error {
	files, err := opbuild.Presets()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	if exists(filepath.Join(dir, files[0].Name)) {
		files[0].Name = "CMakeUserPresets.json"
	}
	for _, f := range files {
		if name := filepath.Join(dir, filepath.FromSlash(f.Name)); exists(name) {
			return usage(fmt.Sprintf("%q exists already", name), "no file is overwritten: move it away")
		}
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		err := os.MkdirAll(filepath.Dir(name), 0o755) //nolint:gosec // a part of the project, as its other folders
		if err == nil {
			err = writeMode(name, f.Text, 0o644)
		}
		if err != nil {
			return &fault{text: fmt.Sprintf("%q cannot be written: %v", name, osfile.Cause(err)), hint: folderFirst}
		}
		if _, err := fmt.Fprintln(a.stdout, filepath.ToSlash(name)); err != nil {
			return err
		}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
