// Package picture lays out pictures of a history: who committed when, as stacked areas, and where bytes are, as a treemap.
//
// It knows the geometry and nothing of colours, markup or people's languages. Lengths are in units of a frame that is Width
// wide and reaches down from its upper left corner; they are whole, so that paths are short.
package picture

import "math"

// Width is how wide a frame is. A picture is 350 to 560 pixels wide on a screen, so a unit is 0.4 to 0.6 pixels.
const Width = 880

// How high letters are, in units: on a phone, where a picture is narrow, and on wider screens. What was found to fit by the first does so all
// the more by the other.
const (
	FontSize = 27
	WideSize = 21
)

// Colours is how many groups (persons, folders) have a colour of their own. The others share one: their number is Colours.
const Colours = 7

// Rect is a rectangle; X and Y are its upper left corner.
type Rect struct{ X, Y, W, H float64 }

// area is that of a rectangle.
func (r Rect) area() float64 { return r.W * r.H }

// Snap moves the sides of a rectangle to the nearest whole units. Those that touched still touch, and none come to overlap.
func (r Rect) Snap() Rect {
	x, y := math.Round(r.X), math.Round(r.Y)
	return Rect{x, y, math.Round(r.X+r.W) - x, math.Round(r.Y+r.H) - y}
}

// Row places n boxes of the same size beside each other in a frame, with a gap between any two.
func Row(n int, in Rect, gap float64) []Rect {
	boxes := make([]Rect, n)
	w := (in.W - gap*float64(n-1)) / float64(n)
	for i := range boxes {
		boxes[i] = Rect{in.X + float64(i)*(w+gap), in.Y, w, in.H}
	}
	return boxes
}
