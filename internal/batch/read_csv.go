package batch

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readCSV reads rows below a header (RFC 4180). Rows without anything in them are passed over.
func (b *book) readCSV(in io.Reader) error {
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	header, err := b.record(r)
	if err != nil {
		return ignoreEnd(err)
	}
	if !b.header(header) {
		return nil
	}
	for {
		cells, err := b.record(r)
		if err != nil {
			return ignoreEnd(err)
		}
		if b.full() {
			return nil
		}
		if len(cells) > len(header) {
			b.fault(b.line, fmt.Sprintf("it has %d cells, and the header %d", len(cells), len(header)))
			continue
		}
		b.take(rowOf(b.line, header, cells))
	}
}

// record returns the next cells that are not all empty. What is no CSV is noted and passed over.
func (b *book) record(r *csv.Reader) ([]string, error) {
	for {
		cells, err := r.Read()
		if wrong := (*csv.ParseError)(nil); errors.As(err, &wrong) {
			b.line = wrong.StartLine
			b.fault(wrong.StartLine, fmt.Sprintf("it is no CSV: %v", wrong.Err))
			continue
		}
		if err != nil {
			return nil, err
		}
		b.line, _ = r.FieldPos(0)
		empty := true
		for n, cell := range cells {
			cells[n] = strings.TrimSpace(cell)
			empty = empty && cells[n] == ""
		}
		if !empty {
			return cells, nil
		}
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// header checks the names of the columns and reports whether rows can be read by them. Those at fault become "".
func (b *book) header(names []string) bool {
	seen := map[string]bool{}
	for n, name := range names {
		name = strings.ToLower(name)
		names[n] = name
		err := b.column(name)
		if err == nil && seen[name] {
			err = fmt.Errorf("the column %s is there twice", name)
		}
		if seen[name] = true; err != nil {
			b.fault(b.line, err.Error())
			names[n] = ""
		}
	}
	for _, name := range []string{"source", "destination"} {
		if !seen[name] {
			b.fault(b.line, "the header has no column "+name)
			return false
		}
	}
	return true
}

// rowOf reads the cells of a line. Several values of a flag stand in one cell, a line each.
func rowOf(line int, header, cells []string) Row {
	row := Row{Line: line, Flags: map[string][]string{}}
	for n, cell := range cells {
		switch name := header[n]; {
		case cell == "" || name == "":
		case name == "source":
			row.Source = cell
		case name == "destination":
			row.Destination = cell
		default:
			for value := range strings.Lines(cell) {
				if value = strings.TrimSpace(value); value != "" {
					row.Flags[name] = append(row.Flags[name], value)
				}
			}
		}
	}
	return row
}
