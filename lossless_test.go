package rehome_test

import (
	"encoding/json"
	"testing"

	"rehome"
)

// TestNamesOfAnyBytes: each comes as text and, where that is not all of it, with its bytes.
func TestNamesOfAnyBytes(t *testing.T) {
	const odd, even = "J\xf6rg", "Jörg"
	for _, c := range []struct {
		value any
		want  string
	}{
		{rehome.NewSubmodule(odd, odd), `{"path":"J�rg","path_bytes":"SvZyZw==","url":"J�rg","url_bytes":"SvZyZw=="}`},
		{rehome.NewSubmodule(even, even), `{"path":"Jörg","url":"Jörg"}`},
		{rehome.NewAuthorEvent(rehome.Author{ID: 7, RemoteName: []byte(odd), RemoteMail: []byte(odd)}), `{"id":7,"remote_name":"J�rg","remote_name_bytes":"SvZyZw==","remote_id":"J�rg","remote_id_bytes":"SvZyZw=="}`},
		{rehome.NewAuthorEvent(rehome.Author{ID: 7, RemoteName: []byte(even)}), `{"id":7,"remote_name":"Jörg","remote_id":""}`},
		{rehome.ReceiptSource{URL: "u"}.Named(odd), `{"vcs":"","url":"u","object_format":"","default_branch":"J�rg","default_branch_bytes":"SvZyZw=="}`},
		{rehome.ReceiptSource{URL: "u"}.Named(even), `{"vcs":"","url":"u","object_format":"","default_branch":"Jörg"}`},
		{rehome.ReceiptDestination{URL: "u"}.Named(odd), `{"url":"u","default_branch":"J�rg","default_branch_bytes":"SvZyZw=="}`},
		{rehome.ReceiptDestination{URL: "u"}.Named(even), `{"url":"u","default_branch":"Jörg"}`},
	} {
		if got, err := json.Marshal(c.value); err != nil || string(got) != c.want {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
		}
	}
}
