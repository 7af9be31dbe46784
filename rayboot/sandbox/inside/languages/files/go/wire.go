// Package wire is the conversation between a test file and a program, which run in two processes. A call crosses as a
// message with its arguments as data, and waits for its reply: results, and what became of the arguments. While it waits
// it serves calls of functions that were arguments.
package wire

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"
	"unsafe"
)

const (
	channel  = 3
	maxDepth = 500
	maxBytes = 64 << 20 // of one slice or array: a message has fewer
	maxStack = 100 << 20
	maxShown = 1000
)

// Functions by name; Types as slices of each, which need no name that a program could declare.
type (
	Functions map[string]interface{}
	Types     map[string]interface{}
)

type description = map[string]interface{}

// A value that cannot cross, for which the program is not to blame.
type unsupported struct{ reason string }

var (
	byName    = map[string]reflect.Type{}
	names     = map[reflect.Type]string{}
	ours      []reflect.Value // functions that the other side may call
	functions Functions       // of the program
	number    json.Number
	judge     bool
	turn      sync.Mutex // one goroutine at a time is in conversation; not while it serves a call
	writing   sync.Mutex // any of them may end the conversation

	lastCall string
	decided  bool // the rest is how to say it
	raised   description
	thrown   interface{}
)

var (
	anyType   = reflect.TypeOf((*interface{})(nil)).Elem()
	errorType = reflect.TypeOf((*error)(nil)).Elem()
	basic     = map[string]reflect.Type{}
)

func init() {
	for _, v := range []interface{}{
		false, 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), uintptr(0),
		float32(0), 0.0, complex64(0), complex128(0), "",
	} {
		basic[reflect.TypeOf(v).Name()] = reflect.TypeOf(v)
	}
}

func register(types Types) {
	for name, slice := range types {
		byName[name] = reflect.TypeOf(slice).Elem()
		names[byName[name]] = name
	}
}

// Serve answers calls of the program's functions until there is nobody to ask.
func Serve(program Functions, types Types) {
	functions = program
	debug.SetMaxStack(maxStack)
	register(types)
	write([]interface{}{"ready"})
	for {
		answer(receive(), false)
	}
}

// Run runs a test file, and says how it went.
func Run(test func(), types Types) {
	judge = true
	register(types)
	write([]interface{}{"ready"})
	read()
	done := make(chan description)
	go func() {
		finished := false
		defer func() {
			if problem := recover(); problem != nil || !finished {
				done <- outcome(problem)
			} else if lastCall == "" {
				done <- description{"status": "sandbox_error", "message": "the test file called nothing of the program"}
			} else {
				done <- description{"status": "passed"}
			}
		}()
		test()
		finished = true
	}()
	end(<-done)
}

// end leaves nothing to the test file, which could recover from a panic.
func end(verdict description) {
	write([]interface{}{"verdict", verdict, false})
	os.Exit(0)
}

// Refuse gives up on what cannot cross: in the judge on the test file.
func Refuse(what string) {
	reason := what + " cannot cross between the test file and the program"
	if judge && !decided {
		end(description{"status": "sandbox_error", "message": reason})
	}
	panic(unsupported{reason})
}

func outcome(problem interface{}) description {
	decided = true
	if problem == nil {
		return description{"status": "failed", "message": "the test file ended its goroutine", "call": lastCall}
	}
	if raised != nil && reflect.DeepEqual(problem, thrown) {
		return description{
			"status": "error", "error_type": raised["type"], "message": raised["message"], "line": raised["line"], "call": lastCall,
		}
	}
	kind, message, _ := described(problem)
	return description{"status": "failed", "error_type": kind, "message": message, "call": lastCall}
}

// Call asks the program. All of arguments and results are pointers.
func Call(name string, arguments, results []interface{}) {
	values := make([]reflect.Value, len(arguments))
	shown := make([]string, len(arguments))
	types := []reflect.Type{}
	for i, argument := range arguments {
		values[i] = reflect.ValueOf(argument).Elem()
		shown[i] = show(values[i])
		types = append(types, values[i].Type())
	}
	for _, result := range results {
		types = append(types, reflect.TypeOf(result).Elem())
	}
	lastCall = name + "(" + strings.Join(shown, ", ") + ")"
	for i, result := range ask(name, values, types...) {
		if i < len(results) {
			target := reflect.ValueOf(results[i]).Elem()
			if part, ok := result.(map[string]interface{}); ok {
				target.Set(partOf(values, part, target.Type()))
				continue
			}
			decode(target, result)
		}
	}
}

// CallUnnamed is for methods of a type that the test does not name. If it gives one an object of the standard library, it
// may take the other for one, too: `f(3).Cmp(big.NewInt(6))`.
func CallUnnamed(name string, arguments, results []interface{}) {
	for _, argument := range arguments[1:] {
		refuseForeign(name, reflect.ValueOf(argument).Elem())
	}
	Call(name, arguments, results)
}

// Unasked is for methods that the test does not call, but the standard library may.
func Unasked(name string, _, _ []interface{}) {
	Refuse("what " + name + " gives, which the test file does not call itself,")
}

func refuseForeign(name string, v reflect.Value) {
	t := v.Type()
	switch kind := v.Kind(); {
	case kind == reflect.Interface || kind == reflect.Ptr:
		if !v.IsNil() {
			refuseForeign(name, v.Elem())
		}
	case t.PkgPath() != "" && t.PkgPath() != "main" && basic[kind.String()] == nil:
		Refuse("what " + name + " says of a value of type " + t.String())
	case kind == reflect.Slice || kind == reflect.Array:
		for i := 0; i < v.Len(); i++ {
			refuseForeign(name, v.Index(i))
		}
	}
}

// same says which argument a result is, or is a part of, if it is one: {"argument": number, "from": index, "to": index}.
func same(result reflect.Value, arguments []reflect.Value) interface{} {
	kind := result.Kind()
	if kind != reflect.Ptr && kind != reflect.Map && kind != reflect.Slice || result.IsNil() {
		return nil
	}
	for i, argument := range arguments {
		if argument.Type() != result.Type() || argument.IsNil() {
			continue
		}
		from, to := 0, 0
		if kind == reflect.Slice && result.Type().Elem().Size() > 0 {
			distance := int(result.Pointer()) - int(argument.Pointer())
			from = distance / int(result.Type().Elem().Size())
			to = from + result.Len()
			if distance < 0 || result.Len() == 0 || to > argument.Len() {
				continue
			}
		} else if result.Pointer() != argument.Pointer() {
			continue
		}
		return map[string]interface{}{"argument": i, "from": from, "to": to}
	}
	return nil
}

func partOf(arguments []reflect.Value, part map[string]interface{}, t reflect.Type) reflect.Value {
	number := func(name string) int {
		n, err := strconv.Atoi(string(part[name].(json.Number)))
		check(err)
		return n
	}
	argument := arguments[number("argument")]
	if t.Kind() == reflect.Slice {
		return argument.Slice(number("from"), number("to"))
	}
	return argument
}

// show calls no methods of a value: fmt leaves those alone of what is in a field that is not exported.
func show(value reflect.Value) string {
	shown := value.Interface()
	if shown != nil {
		shown = reflect.ValueOf(struct{ hidden interface{} }{shown}).Field(0).Elem()
	}
	text := fmt.Sprintf("%#v", shown)
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "..."
	}
	return text
}

// ask calls a function of the other side; what crosses has these types.
func ask(target interface{}, arguments []reflect.Value, types ...reflect.Type) []interface{} {
	turn.Lock()
	defer turn.Unlock()
	call := []interface{}{target}
	for _, argument := range arguments {
		call = append(call, encode(argument, 0))
	}
	send("call", call, []interface{}{})
	for {
		message := receive()
		switch message[0] {
		case "call":
			answer(message, true)
		case "raised":
			raise(message[1], types)
		default:
			for i, change := range message[2].([]interface{}) {
				if change != nil && i < len(arguments) {
					replace(arguments[i], change.([]interface{})[0])
				}
			}
			return message[1].([]interface{})
		}
	}
}

func raise(data interface{}, types []reflect.Type) {
	raised, _ = data.(description)
	message := fmt.Sprint(raised["message"])
	if raised["type"] == "unsupported" && judge {
		status, known := "error", map[reflect.Type]bool{}
		for _, t := range types {
			if isLimited(t, known) {
				status = "sandbox_error"
			}
		}
		end(description{"status": status, "error_type": "unsupported", "message": message, "call": lastCall})
	}
	thrown = interface{}(message)
	if raised["type"] != "panic" {
		thrown = errors.New(fmt.Sprint(raised["type"], ": ", message))
	}
	panic(thrown)
}

// isLimited says whether the type itself is why a value cannot cross. If not, the program has put into an `interface{}`
// what no test asks of it.
func isLimited(t reflect.Type, known map[reflect.Type]bool) bool {
	if limited, seen := known[t]; seen {
		return limited
	}
	known[t] = true // one that holds itself may be nested too deep
	limited := false
	inner := func(t reflect.Type) { limited = isLimited(t, known) || limited }
	switch t.Kind() {
	case reflect.Chan, reflect.UnsafePointer:
		limited = true
	case reflect.Interface:
		limited = t.NumMethod() > 0 && t != errorType
	case reflect.Ptr, reflect.Slice, reflect.Array:
		inner(t.Elem())
	case reflect.Map:
		inner(t.Key())
		inner(t.Elem())
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			inner(t.Field(i).Type)
		}
	case reflect.Func:
		for i := 0; i < t.NumIn(); i++ {
			inner(t.In(i))
		}
		for i := 0; i < t.NumOut(); i++ {
			inner(t.Out(i))
		}
	}
	known[t] = limited
	return limited
}

func answer(message []interface{}, inside bool) {
	call := message[1].([]interface{})
	done := make(chan bool)
	go func() {
		finished := false
		defer func() {
			if problem := recover(); problem != nil || !finished {
				kind, text, line := described(problem)
				if !finished && problem == nil {
					kind, text = "fatal error", "no goroutines (main called runtime.Goexit) - deadlock!"
				}
				send("raised", description{"type": kind, "message": text, "line": line}, []interface{}{})
			}
			done <- true
		}()
		results, changes := serve(function(call[0]), call[1:], inside)
		send("ok", results, changes)
		finished = true
	}()
	<-done
}

func function(target interface{}) reflect.Value {
	if name, ok := target.(string); ok {
		return reflect.ValueOf(functions[name])
	}
	at, _ := strconv.Atoi(string(target.(json.Number)))
	return ours[at]
}

func serve(function reflect.Value, data []interface{}, inside bool) (results, changes []interface{}) {
	arguments := make([]reflect.Value, function.Type().NumIn())
	before := make([]interface{}, len(arguments))
	for i := range arguments {
		arguments[i] = reflect.New(function.Type().In(i)).Elem()
		decode(arguments[i], data[i])
		if canChange(arguments[i].Kind()) {
			before[i] = encode(arguments[i], 0)
		}
	}
	call := function.Call
	if function.Type().IsVariadic() {
		call = function.CallSlice
	}
	results, changes = []interface{}{}, []interface{}{}
	for _, result := range apart(call, arguments, inside) {
		if part := same(result, arguments); part != nil && !judge {
			results = append(results, part)
		} else {
			results = append(results, encode(result, 0))
		}
	}
	for i, argument := range arguments {
		var change interface{}
		if canChange(argument.Kind()) {
			if after := encode(argument, 0); !reflect.DeepEqual(before[i], after) {
				change = []interface{}{after}
			}
		}
		changes = append(changes, change)
	}
	return results, changes
}

func apart(call func([]reflect.Value) []reflect.Value, arguments []reflect.Value, inside bool) []reflect.Value {
	if inside {
		turn.Unlock()
		defer turn.Lock()
	}
	return call(arguments)
}

func canChange(kind reflect.Kind) bool {
	return kind == reflect.Slice || kind == reflect.Map || kind == reflect.Ptr || kind == reflect.Interface
}

// described names the kind of a panic, its message, and the program's line.
func described(problem interface{}) (kind, message string, line interface{}) {
	kind = "panic"
	switch problem := problem.(type) {
	case unsupported:
		kind, message = "unsupported", problem.reason
	case runtime.Error:
		kind, message = "runtime error", strings.TrimPrefix(problem.Error(), "runtime error: ")
	case error, fmt.Stringer, string:
		message = fmt.Sprint(problem) // their methods may panic
	default:
		message = fmt.Sprintf("(%T) %v", problem, problem)
	}
	callers := make([]uintptr, 200)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for frame, more := frames.Next(); ; frame, more = frames.Next() {
		if path.Base(frame.File) == "program.go" {
			return kind, message, frame.Line
		}
		if !more {
			return kind, message, nil
		}
	}
}

// Data is JSON: its type is known to both sides, but for what is in an interface, which is [type, data].

func encode(v reflect.Value, depth int) interface{} {
	if depth > maxDepth {
		Refuse("a value that is nested too deep")
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return json.Number(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return json.Number(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case reflect.Complex64, reflect.Complex128:
		c := v.Complex()
		return []interface{}{strconv.FormatFloat(real(c), 'g', -1, 64), strconv.FormatFloat(imag(c), 'g', -1, 64)}
	case reflect.String:
		if utf8.ValidString(v.String()) {
			return v.String()
		}
		return []interface{}{base64.StdEncoding.EncodeToString([]byte(v.String()))}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return nil
		}
		items := make([]interface{}, v.Len())
		for i := range items {
			items[i] = encode(v.Index(i), depth+1)
		}
		return items
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		items := []interface{}{}
		for iterator := v.MapRange(); iterator.Next(); {
			items = append(items, []interface{}{encode(iterator.Key(), depth+1), encode(iterator.Value(), depth+1)})
		}
		return items
	case reflect.Struct:
		items := make([]interface{}, v.NumField())
		for i := range items {
			items[i] = encode(v.Field(i), depth+1)
		}
		return items
	case reflect.Ptr:
		if v.IsNil() {
			return nil
		}
		return []interface{}{encode(v.Elem(), depth+1)}
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return encodeDynamic(v, depth)
	case reflect.Func:
		if v.IsNil() {
			return nil
		}
		ours = append(ours, v)
		return json.Number(strconv.Itoa(len(ours) - 1))
	}
	Refuse("a value of type " + v.Type().String())
	return nil
}

// Sentinels are errors that a test may ask for, each the same on both sides.
var Sentinels = map[string]error{
	"context.Canceled": context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded,
	"fs.ErrClosed": fs.ErrClosed, "fs.ErrExist": fs.ErrExist, "fs.ErrInvalid": fs.ErrInvalid,
	"fs.ErrNotExist": fs.ErrNotExist, "fs.ErrPermission": fs.ErrPermission,
	"io.EOF": io.EOF, "io.ErrClosedPipe": io.ErrClosedPipe, "io.ErrNoProgress": io.ErrNoProgress,
	"io.ErrShortBuffer": io.ErrShortBuffer, "io.ErrShortWrite": io.ErrShortWrite, "io.ErrUnexpectedEOF": io.ErrUnexpectedEOF,
	"os.ErrClosed": os.ErrClosed, "os.ErrExist": os.ErrExist, "os.ErrInvalid": os.ErrInvalid,
	"os.ErrNotExist": os.ErrNotExist, "os.ErrPermission": os.ErrPermission,
	"strconv.ErrRange": strconv.ErrRange, "strconv.ErrSyntax": strconv.ErrSyntax,
}

// An error of the other side that wraps one of these.
type wrapping struct {
	text  string
	cause error
}

func (w *wrapping) Error() string { return w.text }
func (w *wrapping) Unwrap() error { return w.cause }

// An error is the name of one of these; or its message, and the name of what it wraps.
func encodeError(err error) description {
	for e := err; e != nil; e = errors.Unwrap(e) {
		number, isNumber := e.(syscall.Errno)
		for name, sentinel := range Sentinels {
			switch {
			case err == sentinel:
				return description{"name": name}
			case e == sentinel || isNumber && number.Is(sentinel):
				return description{"name": name, "message": err.Error()}
			}
		}
	}
	return description{"message": err.Error()}
}

func decodeError(data description) error {
	cause, isKnown := Sentinels[fmt.Sprint(data["name"])]
	message, isOther := data["message"].(string)
	switch {
	case isKnown && isOther:
		return &wrapping{message, cause}
	case isKnown:
		return cause
	}
	return errors.New(message)
}

// What is in an interface: an error is its message; a value of a type that only one side has is what the type is built on.
func encodeDynamic(v reflect.Value, depth int) interface{} {
	inner := v.Elem()
	_, known := names[pointed(inner.Type())]
	if v.NumMethod() > 0 && v.Type() != errorType && !known {
		Refuse("a value of type " + inner.Type().String() + " as " + v.Type().String())
	}
	if inner.Type().Implements(errorType) && inner.CanInterface() && !known {
		return []interface{}{"error", encodeError(inner.Interface().(error))}
	}
	inner = plain(inner)
	return []interface{}{describe(inner.Type(), depth), encode(inner, depth+1)}
}

// plain is the value without structs that only this side has: they are maps of their exported fields, as in JSON. (Making
// struct types anew, by reflect.StructOf, would have the linker keep every method there is.)
func plain(v reflect.Value) reflect.Value {
	switch {
	case v.Kind() == reflect.Ptr && isOwnStruct(v.Type().Elem()) && !v.IsNil():
		return plain(v.Elem())
	case isOwnStruct(v.Type()):
		fields := map[string]interface{}{}
		for i := 0; i < v.NumField(); i++ {
			field := v.Type().Field(i)
			name := strings.Split(field.Tag.Get("json"), ",")[0]
			if name == "" {
				name = field.Name
			}
			if field.IsExported() && name != "-" {
				fields[name] = v.Field(i).Interface()
			}
		}
		return reflect.ValueOf(fields)
	case v.Kind() == reflect.Slice && isOwnStruct(pointed(v.Type().Elem())):
		var items []interface{}
		if !v.IsNil() {
			items = make([]interface{}, v.Len())
		}
		for i := range items {
			items[i] = v.Index(i).Interface()
		}
		return reflect.ValueOf(items)
	}
	return v
}

func pointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Ptr {
		return t.Elem()
	}
	return t
}

func isOwnStruct(t reflect.Type) bool {
	_, known := names[t]
	return t.Kind() == reflect.Struct && !known
}

func describe(t reflect.Type, depth int) interface{} {
	if name, known := names[t]; known {
		return name
	}
	if depth > maxDepth {
		Refuse("the type " + t.String())
	}
	inner := func(t reflect.Type) interface{} { return describe(t, depth+1) }
	switch t.Kind() {
	case reflect.Slice:
		return []interface{}{"slice", inner(t.Elem())}
	case reflect.Array:
		return []interface{}{"array", inner(t.Elem()), json.Number(strconv.Itoa(t.Len()))}
	case reflect.Map:
		return []interface{}{"map", inner(t.Key()), inner(t.Elem())}
	case reflect.Ptr:
		return []interface{}{"ptr", inner(t.Elem())}
	case reflect.Interface:
		if t == errorType {
			return "error"
		}
		return "any"
	}
	if _, known := basic[t.Kind().String()]; known {
		return t.Kind().String()
	}
	Refuse("the type " + t.String())
	return nil
}

func typeOf(data interface{}, depth int) reflect.Type {
	if depth > 2*maxDepth {
		panic("a type that is nested too deep")
	}
	if name, ok := data.(string); ok {
		if name == "any" {
			return anyType
		}
		if name == "error" {
			return errorType
		}
		if t, known := byName[name]; known {
			return t
		}
		return basic[name]
	}
	parts := data.([]interface{})
	inner := func(at int) reflect.Type { return typeOf(parts[at], depth+1) }
	switch parts[0] {
	case "slice":
		return reflect.SliceOf(inner(1))
	case "map":
		return reflect.MapOf(inner(1), inner(2))
	case "ptr":
		return reflect.PtrTo(inner(1))
	case "array":
		length, err := strconv.Atoi(string(parts[2].(json.Number)))
		element := inner(1)
		if err != nil || length < 0 {
			panic("an array of that length")
		}
		limit(length, element)
		return reflect.ArrayOf(length, element)
	}
	panic("a type that is none")
}

func limit(length int, element reflect.Type) {
	if length > maxBytes/(int(element.Size())+1) {
		panic("an array of that length")
	}
}

// decode panics when the data is none of the type.
func decode(v reflect.Value, data interface{}) {
	if !v.CanSet() { // a field of another package
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	if data == nil && (canChange(v.Kind()) || v.Kind() == reflect.Func) {
		v.Set(reflect.Zero(v.Type()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(data.(bool))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(string(data.(json.Number)), 10, v.Type().Bits())
		check(err)
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n, err := strconv.ParseUint(string(data.(json.Number)), 10, v.Type().Bits())
		check(err)
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float(data))
	case reflect.Complex64, reflect.Complex128:
		parts := data.([]interface{})
		v.SetComplex(complex(float(parts[0]), float(parts[1])))
	case reflect.String:
		if text, ok := data.(string); ok {
			v.SetString(text)
			return
		}
		text, err := base64.StdEncoding.DecodeString(data.([]interface{})[0].(string))
		check(err)
		v.SetString(string(text))
	case reflect.Slice:
		items := data.([]interface{})
		limit(len(items), v.Type().Elem())
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		decodeItems(items, v.Len(), v.Index)
	case reflect.Array:
		decodeItems(data.([]interface{}), v.Len(), v.Index)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		fill(v, data.([]interface{}))
	case reflect.Struct:
		decodeItems(data.([]interface{}), v.NumField(), v.Field)
	case reflect.Ptr:
		v.Set(reflect.New(v.Type().Elem()))
		decode(v.Elem(), data.([]interface{})[0])
	case reflect.Interface:
		parts := data.([]interface{})
		if parts[0] == "error" {
			v.Set(reflect.ValueOf(decodeError(parts[1].(description))))
			return
		}
		inner := reflect.New(typeOf(parts[0], 0)).Elem()
		decode(inner, parts[1])
		v.Set(inner)
	case reflect.Func:
		v.Set(callback(v.Type(), data.(json.Number)))
	default:
		panic("a value of type " + v.Type().String())
	}
}

func decodeItems(items []interface{}, length int, at func(int) reflect.Value) {
	if len(items) != length {
		panic("items of another number")
	}
	for i, item := range items {
		decode(at(i), item)
	}
}

func fill(v reflect.Value, items []interface{}) {
	for _, item := range items {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		decode(key, item.([]interface{})[0])
		decode(value, item.([]interface{})[1])
		v.SetMapIndex(key, value)
	}
}

func callback(t reflect.Type, target json.Number) reflect.Value {
	return reflect.MakeFunc(t, func(arguments []reflect.Value) []reflect.Value {
		if judge {
			for _, argument := range arguments {
				refuseForeign("a function of the program", argument)
			}
		}
		results := make([]reflect.Value, t.NumOut())
		data := ask(target, arguments, t)
		for i := range results {
			results[i] = reflect.New(t.Out(i)).Elem()
			decode(results[i], data[i])
		}
		return results
	})
}

// replace lets the caller see what became of an argument.
func replace(v reflect.Value, data interface{}) {
	items, _ := data.([]interface{})
	switch {
	case data == nil || v.Kind() != reflect.Interface && canChange(v.Kind()) && v.IsNil():
	case v.Kind() == reflect.Slice && len(items) == v.Len():
		for i, item := range items {
			replaceItem(v.Index(i), item)
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.Value{})
		}
		fill(v, items)
	case v.Kind() == reflect.Ptr && len(items) == 1:
		replaceItem(v.Elem(), items[0])
	case v.Kind() == reflect.Interface && len(items) == 2:
		replace(v.Elem(), items[1])
	}
}

func replaceItem(v reflect.Value, data interface{}) {
	items, _ := data.([]interface{})
	if v.Kind() == reflect.Slice && !v.IsNil() && data != nil && len(items) == v.Len() {
		replace(v, data)
	} else {
		decode(v, data)
	}
}

func float(data interface{}) float64 {
	f, err := strconv.ParseFloat(data.(string), 64)
	check(err)
	return f
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// Frames: 4 bytes of length, then JSON.

func send(kind string, value, changes interface{}) {
	if judge {
		purpose := "answer"
		if kind == "call" {
			purpose = "ask"
		}
		write([]interface{}{purpose, kind, value, changes})
	} else {
		write([]interface{}{number, kind, value, changes})
	}
}

// receive gives kind, value and changes.
func receive() []interface{} {
	message := read().([]interface{})
	if !judge {
		number = message[0].(json.Number)
		message = message[1:]
	}
	return message
}

func write(message interface{}) {
	body, err := json.Marshal(message)
	check(err)
	size := len(body)
	frame := append([]byte{byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, body...)
	writing.Lock()
	defer writing.Unlock()
	for len(frame) > 0 {
		n, err := syscall.Write(channel, frame)
		if err != nil && err != syscall.EINTR {
			os.Exit(1)
		}
		if n > 0 {
			frame = frame[n:]
		}
	}
}

func read() interface{} {
	head := exactly(4)
	decoder := json.NewDecoder(bytes.NewReader(exactly(int(head[0])<<24 | int(head[1])<<16 | int(head[2])<<8 | int(head[3]))))
	decoder.UseNumber()
	var message interface{}
	check(decoder.Decode(&message))
	return message
}

func exactly(count int) []byte {
	data := make([]byte, count)
	for at := 0; at < count; {
		n, err := syscall.Read(channel, data[at:])
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 {
			os.Exit(0) // the other side is gone
		}
		at += n
	}
	return data
}

// Read and Write are for the compiler.
func Read() interface{}         { return read() }
func Write(message interface{}) { write(message) }
