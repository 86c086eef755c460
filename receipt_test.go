package rehome

import (
	"encoding/json"
	"testing"
)

func TestNamesThatAreNotUTF8(t *testing.T) {
	for _, c := range []struct {
		what any
		want string
	}{
		{NewRemovedPaths(nil), `{"removed_paths":null}`},
		{NewRemovedPaths([]string{"a", "ä"}), `{"removed_paths":["a","ä"]}`},
		{NewRemovedPaths([]string{"a", "b\xff", "c"}), `{"removed_paths":["a","b�","c"],"removed_paths_bytes":[null,"Yv8=",null]}`},
		{NewTipFile("p\xff", []string{"m", "m\xfe"}), `{"path":"p�","path_bytes":"cP8=","branches":["m","m�"],"branches_bytes":[null,"bf4="]}`},
		{NewMissingLFS("aa", 3, "p\xff", "r"), `{"oid":"aa","size":3,"path":"p�","path_bytes":"cP8=","ref":"r"}`},
		{NewMissingLFS("aa", 3, "p", "r\xff"), `{"oid":"aa","size":3,"path":"p","ref":"r�","ref_bytes":"cv8="}`},
		{
			NewInspectedFile(LargeFile{Ref: "r\xff", Path: []byte("p\xff"), OID: "bb", Size: 4}),
			`{"ref_name":"r�","ref_name_bytes":"cv8=","path":"p�","path_bytes":"cP8=","oid":"bb","size":4}`,
		},
		{
			NewReplacedRef("r\xff", "cc", "", "k\xfe", "why"),
			`{"name":"r�","name_bytes":"cv8=","id":"cc","became":"","kept":"k�","kept_bytes":"a/4=","reason":"why"}`,
		},
		{NewSkippedRef("r\xff", "cc", "why"), `{"name":"r�","name_bytes":"cv8=","id":"cc","reason":"why"}`},
	} {
		got, err := json.Marshal(c.what)
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
	if was, is := (Identity{"n\xff", "m\xfe"}), NewContributor(Identity{"n\xff", "m\xfe"}); is.Identity() != was || is.Name != "n�" {
		t.Errorf("%+v of %v", is, was)
	}
}
