package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"rehome"
)

// maxReceipt bounds a receipt, bytes.
const maxReceipt = 1 << 30

// ReadReceipt reads a receipt. One whose sum is not that of its own bytes is an error.
func ReadReceipt(r io.Reader) (*rehome.Receipt, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxReceipt))
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	text = bytes.TrimSpace(text)
	var all struct {
		rehome.ReceiptHead
		rehome.ReceiptRefs
		rehome.ReceiptBody
		Sum string `json:"sha256"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("it is no receipt: %w", err)
	}
	if all.Format != 1 {
		return nil, errors.New("it is no receipt that this version knows")
	}
	if err := checkSum(text, all.Sum); err != nil {
		return nil, err
	}
	return &rehome.Receipt{Head: all.ReceiptHead, Refs: all.ReceiptRefs, Body: all.ReceiptBody}, nil
}

// checkSum holds the sum that a receipt says against its own bytes.
func checkSum(text []byte, said string) error {
	at := bytes.LastIndex(text, []byte(`, "sha256": "`))
	if at < 0 {
		return errors.New("its last key is not its sum")
	}
	sum := sha256.New()
	sum.Write(text[:at])
	sum.Write([]byte{'}'})
	if hex.EncodeToString(sum.Sum(nil)) != said {
		return errors.New("its sum is not that of its text: it was changed, or is not whole")
	}
	return nil
}

// shownLFS is how many missing Git LFS objects are told in words.
const shownLFS = 20

// shown is how many of n missing objects are told one by one.
func (o *Options) shown(n int) int {
	if o.All {
		return n
	}
	return min(n, shownLFS)
}

// lacksOfReceipt tells what the receipt says was not carried.
func (v *verification) lacksOfReceipt() {
	if v.Receipt == nil {
		return
	}
	missing := v.Receipt.Body.LFS.Missing
	for _, o := range missing[:v.shown(len(missing))] {
		v.result.Lacks = append(v.result.Lacks, fmt.Sprintf("the source lacked the Git LFS object %s", rehome.Clean(o.OID, 100)))
	}
	if more := len(missing) - v.shown(len(missing)); more > 0 {
		v.result.Lacks = append(v.result.Lacks, fmt.Sprintf("%d more Git LFS objects", more))
	}
}
