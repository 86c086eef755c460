package picture

// Squarify divides a rectangle among weights: each gets an area in proportion to its own, in the order given, and as near to a square as
// that goes. Weights descend; those of zero or less, at the end, get nothing. The way is that of M. Bruls, K. Huizing and J. J. van Wijk,
// "Squarified Treemaps", 2000: rows are laid along the shorter side of what is free, and take in weights while the worst shape in them gets better.
func Squarify(weights []float64, in Rect) []Rect {
	out := make([]Rect, len(weights))
	n := 0
	for n < len(weights) && weights[n] > 0 {
		n++
	}
	left := make([]float64, n+1) // sums from a weight on, begun at the least: none is so wrong that a row would take more than there is
	for i := n - 1; i >= 0; i-- {
		left[i] = left[i+1] + weights[i]
	}
	for free, from := in, 0; from < n && free.area() > 0; {
		scale, side := free.area()/left[from], min(free.W, free.H)
		to, sum := from+1, weights[from]
		for to < n && worst(weights[from], weights[to], (sum+weights[to])*scale, scale, side) <= worst(weights[from], weights[to-1], sum*scale, scale, side) {
			sum += weights[to]
			to++
		}
		share := sum / left[from]
		if to == n {
			share = 1
		}
		free = layRow(out[from:to], weights[from:to], sum, free, share)
		from = to
	}
	return out
}

// worst is the largest ratio of sides in a row of a given area along a side.
func worst(largest, least, area, scale, side float64) float64 {
	thick := area / side
	return max(thick*thick/(least*scale), largest*scale/(thick*thick))
}

// layRow lays a row along the shorter side of what is free, of which it takes a share, and returns what is left.
func layRow(row []Rect, weights []float64, sum float64, free Rect, share float64) Rect {
	tall := free.W >= free.H // the row is a pile at the left, else a line on top
	r, long := Rect{free.X, free.Y, free.W * share, free.H}, free.H
	if !tall {
		r, long = Rect{free.X, free.Y, free.W, free.H * share}, free.W
	}
	at := 0.0
	for n, w := range weights {
		next := at + long*w/sum
		if n == len(weights)-1 {
			next = long
		}
		if row[n] = r; tall {
			row[n].Y, row[n].H = r.Y+at, next-at
		} else {
			row[n].X, row[n].W = r.X+at, next-at
		}
		at = next
	}
	if tall {
		return Rect{free.X + r.W, free.Y, free.W - r.W, free.H}
	}
	return Rect{free.X, free.Y + r.H, free.W, free.H - r.H}
}
