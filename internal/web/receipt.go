package web

import (
	"io"
	"net/http"
	"strconv"

	"rehome"
)

// receiptPage shows what a move carried.
type receiptPage struct {
	*digest
	Shown  []rehome.ReceiptRef // a page of the refs
	Pages  pager
	Mapped bool
}

var errNoReceipt = &problem{
	status: http.StatusNotFound, title: "There is no receipt yet",
	text: "It is written when everything has been pushed and was read back.", hint: "The page “Import” says how far it is.",
}

func (w *Web) receipt(v *visit) error {
	page := max(number(v.r.URL.Query().Get("page")), 1)
	d, refs, err := w.receipts.page(v.r.Context(), w.DB, v.repo.ID, page-1)
	if err != nil && rehome.CodeOf(err) == rehome.NotFound {
		return errNoReceipt
	}
	if err != nil {
		return err
	}
	body := receiptPage{digest: d, Shown: refs, Mapped: d.Head.Changed > 0, Pages: pagesOf(v.at("receipt"), v.r.URL.Query(), page, d.Refs)}
	return w.page(v, http.StatusOK, "receipt", "Receipt of "+v.repo.FullName(), body)
}

// receiptFile sends the receipt as it was written: its checksum is over these bytes.
func (w *Web) receiptFile(v *visit) error {
	text, err := w.Importer.Receipt(v.r.Context(), v.repo.ID)
	if err != nil {
		return err
	}
	v.file("application/json", v.repo.Name+"-receipt.json")
	v.send(http.StatusOK, text)
	return nil
}

// commitMap sends the old and the new id of every commit.
func (w *Web) commitMap(v *visit) error {
	from, size, err := w.Importer.CommitMap(v.r.Context(), v.repo.ID)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // it is only read
	v.file("text/plain; charset=utf-8", v.repo.Name+"-commit-map.txt")
	v.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	_, err = io.Copy(steady(v.w), from)
	if err != nil {
		panic(http.ErrAbortHandler) // half a map must not look whole
	}
	return nil
}
