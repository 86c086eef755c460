package rehome

import "testing"

func TestNews(t *testing.T) {
	at := func(commits int64, refs ...ReceiptRef) *Receipt {
		return &Receipt{Head: ReceiptHead{Carried: commits}, Refs: ReceiptRefs{Refs: refs}}
	}
	ref := func(name, id string) ReceiptRef { return ReceiptRef{Name: name, Final: ObjectID(id)} }
	odd := func(bytes, id string) ReceiptRef {
		return ReceiptRef{Name: "\uFFFD", NameBytes: []byte(bytes), Final: ObjectID(id)}
	}
	before := at(5, ref("a", "1"), ref("b", "2"), odd("\xff", "3"))
	forced := at(5, ref("a", "4"), ref("b", "2"), odd("\xff", "3"))
	forced.Refs.Replaced = []ReplacedRef{{Name: "a", ID: "1", Became: "4"}}
	deleted := at(5, ref("a", "1"), odd("\xff", "3"))
	deleted.Refs.Replaced = []ReplacedRef{{Name: "b", ID: "2"}}
	for name, c := range map[string]struct {
		now  *Receipt
		want string
	}{
		"the same":        {before, "nothing new"},
		"a commit":        {at(6, ref("a", "9"), ref("b", "2"), odd("\xff", "3")), "1 new commit, 1 ref moved"},
		"refs":            {at(5, ref("a", "1"), ref("b", "2"), odd("\xff", "3"), odd("\xfe", "3"), ref("c", "1")), "2 new refs"},
		"other bytes":     {at(5, ref("a", "1"), ref("b", "2"), odd("\xfe", "3")), "1 new ref, 1 ref stays as it was there"},
		"forced":          {forced, "1 ref forced"},
		"deleted":         {deleted, "1 ref deleted"},
		"left":            {at(3, ref("a", "1")), "2 refs stay as they were there"},
		"all of it, more": {at(2005, ref("a", "7"), ref("b", "8"), odd("\xff", "9")), "2,000 new commits, 3 refs moved"},
	} {
		if got := NewsOf(before, c.now).String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
