package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/andiron-dev/andiron/internal/engine"
)

func TestEach(t *testing.T) {
	for _, jobs := range []int{0, 1, 3} {
		done := make([]int, 100)
		err := engine.Each(t.Context(), jobs)(len(done), func(i int) error { done[i]++; return nil })
		if err != nil || slices.ContainsFunc(done, func(n int) bool { return n != 1 }) {
			t.Errorf("%d jobs: %v, %v", jobs, done, err)
		}
	}
}

func TestEachStops(t *testing.T) {
	var ran atomic.Int32
	bad := errors.New("bad")
	err := engine.Each(t.Context(), 1)(100, func(i int) error {
		if ran.Add(1); i == 2 {
			return bad
		}
		return nil
	})
	if !errors.Is(err, bad) || ran.Load() != 3 {
		t.Errorf("after an error: %d ran, %v", ran.Load(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = engine.Each(ctx, 2)(100, func(int) error { ran.Add(1); return nil })
	if !errors.Is(err, context.Canceled) || ran.Load() != 3 {
		t.Errorf("cancelled: %d ran, %v", ran.Load(), err)
	}
}
