// Values as protocol 1 writes them: bytes that are no UTF-8 as {"b64"}, long ones by their digest.

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

const valueBytesMax = 4096

// value is text, or any bytes.
type value string

func (v value) MarshalJSON() ([]byte, error) {
	switch {
	case len(v) > valueBytesMax:
		digest := sha256.Sum256([]byte(v))
		return json.Marshal(object{"sha256": hex.EncodeToString(digest[:]), "len": len(v)})
	case !utf8.ValidString(string(v)):
		return json.Marshal(object{"b64": base64.StdEncoding.EncodeToString([]byte(v))})
	}
	return json.Marshal(string(v))
}

func (v *value) UnmarshalJSON(given []byte) error {
	var text string
	if json.Unmarshal(given, &text) == nil {
		*v = value(text)
		return nil
	}
	var bytes struct{ B64 *[]byte }
	if json.Unmarshal(given, &bytes) != nil || bytes.B64 == nil {
		return fmt.Errorf(`a value must be text or {"b64":…}, not %s`, given)
	}
	*v = value(*bytes.B64)
	return nil
}

// A pair is a field, or an entry by its stream and id.
type pair [2]value

// Of any other length Go would fill it up, or cut it.
func (p *pair) UnmarshalJSON(given []byte) error {
	var list []value
	if err := json.Unmarshal(given, &list); err != nil {
		return err
	}
	if len(list) != 2 {
		return fmt.Errorf("a pair must be [text, text], not %s", given)
	}
	*p = pair{list[0], list[1]}
	return nil
}

// object is a line, or a part of one.
type object map[string]any

// with adds what the others have.
func (o object) with(others ...object) object {
	for _, other := range others {
		for key, each := range other {
			o[key] = each
		}
	}
	return o
}
