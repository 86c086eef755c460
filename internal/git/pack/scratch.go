package pack

import "unsafe"

// Scratch hands out zeroed memory that lives in a file rather than in the heap, so
// that tables may grow with the repository. Untouched parts cost nothing. free gives
// it back; the memory must not be used afterwards. It is safe for concurrent use.
type Scratch func(size int64) (memory []byte, free func(), err error)

// scratch is memory taken from a Scratch, all of which is given back at once.
type scratch struct {
	from Scratch
	free []func()
}

func (s *scratch) close() {
	for _, free := range s.free {
		free()
	}
	s.free = nil
}

// take returns n zero values of T, which must hold no pointers. It does nothing once err is set.
func take[T any](s *scratch, n int64, err *error) []T {
	if *err != nil || n == 0 {
		return nil
	}
	var zero T
	mem, free, e := s.from(n * int64(unsafe.Sizeof(zero)))
	if e != nil {
		*err = e
		return nil
	}
	s.free = append(s.free, free)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), n)
}
