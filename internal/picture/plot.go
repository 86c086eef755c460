package picture

import (
	"math"
	"strconv"
	"strings"
)

// PlotHeight is how high the frame of a Plot is.
const PlotHeight = 460

// plotted is where the areas of a plot lie: beside it is room for numbers, and below for years.
var plotted = Rect{X: 88, Y: 20, W: Width - 88 - 12, H: PlotHeight - 20 - 48}

// Plot is where the parts of a picture over time lie.
type Plot struct {
	Rect         // of the areas
	Areas []Area // one for each layer, to be drawn in this order
	Up    []Tick // of commits; At is down from the frame's top
	Along []Tick // of time; At is right from the frame's left
}

// Area is a layer with all that lie below it, as the data of an SVG path: those drawn after it leave only its own part to be seen.
type Area struct {
	Layer int
	Path  string
}

// Tick is a mark on an axis.
type Tick struct {
	At    float64
	Label string
}

// Plot lays out a stack. Its height is for the given most commits in a column, so that two can be compared.
func (c Calendar) Plot(s Stack, most int64) Plot {
	p := Plot{Rect: plotted, Along: c.along()}
	step := ceiling(float64(most) / 4)
	top := math.Ceil(float64(most)/step) * step
	for v := 0.0; v <= top; v += step {
		p.Up = append(p.Up, Tick{p.height(v, top), short(v)})
	}
	tops := c.tops(s)
	for n := len(s) - 1; n >= 0; n-- {
		p.Areas = append(p.Areas, Area{n, c.outline(p, tops[n], top)})
	}
	return p
}

// tops is how many commits each layer has with all below it.
func (c Calendar) tops(s Stack) [][]int64 {
	all, below := make([][]int64, len(s)), make([]int64, c.Columns)
	for n, l := range s {
		all[n] = make([]int64, c.Columns)
		for i := range below {
			below[i] += l.Columns[i]
			all[n][i] = below[i]
		}
	}
	return all
}

// height is where a number of commits is, from the top.
func (p Plot) height(commits, top float64) float64 {
	return math.Round(p.Y + p.H - p.H*commits/top)
}

// outline goes up at the left, in steps over the columns, and down at the right.
func (c Calendar) outline(p Plot, tops []int64, top float64) string {
	var b strings.Builder
	base := p.Y + p.H
	b.WriteString("M" + whole(p.X) + " " + whole(base))
	x, y := p.X, base
	for n := range tops {
		if to := p.height(float64(tops[n]), top); to != y || n == 0 {
			if at := math.Round(p.X + p.W*float64(n)/float64(len(tops))); at != x {
				b.WriteString("h" + whole(at-x))
				x = at
			}
			b.WriteString("v" + whole(to-y))
			y = to
		}
	}
	b.WriteString("H" + whole(p.X+p.W) + "V" + whole(base) + "z")
	return b.String()
}

func whole(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }

// ceiling is the least of 1, 2, 5, 10, 20, 50 … that is not less than f.
func ceiling(f float64) float64 {
	for ten := 1.0; ; ten *= 10 {
		for _, one := range []float64{1, 2, 5} {
			if one*ten >= f {
				return one * ten
			}
		}
	}
}

// short writes what a tick has, a few times 1, 2 or 5 with zeros, in at most five letters below 10^16: 950, 1.2k or 35k.
func short(f float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if f >= unit.of {
			return strconv.FormatFloat(f/unit.of, 'f', -1, 64) + unit.name
		}
	}
	return whole(f)
}

// along marks years, or months where there are less than two of them, so that no two labels touch.
func (c Calendar) along() []Tick {
	months := float64(c.Columns) * float64(c.Step)
	least := months * 2.6 * FontSize / plotted.W // room of "2019" and a gap
	every := int64(12 * ceiling(least/12))
	if months <= 24 {
		every = 1
		for float64(every) < months*5.2*FontSize/plotted.W { // of "2019-04"
			every++
		}
	}
	var all []Tick
	for month := (c.First + every - 1) / every * every; month < c.First+int64(months); month += every {
		t := Tick{At: math.Round(plotted.X + plotted.W*float64(month-c.First)/months), Label: Calendar{month, 12, 1}.Name(0)}
		if months <= 24 {
			t.Label = Calendar{month, 1, 1}.Name(0)
		}
		if half := widthOf(t.Label) * FontSize / 2; t.At-half >= 0 && t.At+half <= Width {
			all = append(all, t)
		}
	}
	return all
}
