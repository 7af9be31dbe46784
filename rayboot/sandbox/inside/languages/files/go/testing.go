// Package testing has what a test file uses of Go's own `testing`, and of testify's `assert`. A panic of the program ends
// one test with a failure here, and not the process that has to say so.
package testing

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
)

type TB interface {
	Errorf(format string, arguments ...interface{})
	FailNow()
}

type T struct {
	name     string
	problem  interface{} // the first failure
	cleanups []func()
}

type (
	B struct{ T }
	M struct{}
)

func (t *T) Fail() {
	if t.problem == nil {
		t.problem = t.name + " failed"
	}
}
func (t *T) Error(arguments ...interface{}) {
	if t.problem == nil {
		t.problem = t.name + ": " + strings.TrimSpace(fmt.Sprintln(arguments...))
	}
}
func (t *T) Errorf(format string, arguments ...interface{}) {
	t.Error(fmt.Sprintf(format, arguments...))
}
func (t *T) FailNow()                       { t.Fail(); runtime.Goexit() }
func (t *T) Fatal(arguments ...interface{}) { t.Error(arguments...); t.FailNow() }
func (t *T) Fatalf(format string, arguments ...interface{}) {
	t.Errorf(format, arguments...)
	t.FailNow()
}
func (t *T) Log(arguments ...interface{})                 {}
func (t *T) Logf(format string, arguments ...interface{}) {}
func (t *T) Helper()                                      {}
func (t *T) Parallel()                                    {}
func (t *T) Name() string                                 { return t.name }
func (t *T) Failed() bool                                 { return t.problem != nil }
func (t *T) Cleanup(f func())                             { t.cleanups = append(t.cleanups, f) }

// Run runs a test inside another one.
func (t *T) Run(name string, test func(*T)) bool {
	inner := &T{name: t.name + "/" + name}
	inner.run(test)
	if t.problem == nil {
		t.problem = inner.problem
	}
	return inner.problem == nil
}

func (t *T) run(test func(*T)) {
	done := make(chan bool)
	go func() {
		defer func() {
			if problem := recover(); problem != nil {
				t.problem = problem
			}
			done <- true
		}()
		test(t)
	}()
	<-done
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// Main runs the tests of a file, and panics with the first failure.
func Main(names []string, tests ...func(*T)) {
	for i, test := range tests {
		t := &T{name: names[i]}
		if t.run(test); t.problem != nil {
			panic(t.problem)
		}
	}
}

type Assertions struct{ t TB }

func New(t TB) *Assertions { return &Assertions{t} }

func check(t TB, right bool, what string, values ...interface{}) bool {
	if !right {
		t.Errorf("%s", what+": "+fmt.Sprintf(strings.Repeat("%#v ", len(values)), values...))
	}
	return right
}

func isNil(value interface{}) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Chan, reflect.Func, reflect.Map, reflect.Ptr, reflect.Slice, reflect.Interface:
		return v.IsNil()
	}
	return false
}

func number(value interface{}) float64 {
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	}
	return math.NaN()
}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return
}

func Equal(t TB, expected, got interface{}, _ ...interface{}) bool {
	return check(t, reflect.DeepEqual(expected, got), "not equal", expected, got)
}
func NotEqual(t TB, expected, got interface{}, _ ...interface{}) bool {
	return check(t, !reflect.DeepEqual(expected, got), "equal", got)
}
func True(t TB, value bool, _ ...interface{}) bool  { return check(t, value, "not true", value) }
func False(t TB, value bool, _ ...interface{}) bool { return check(t, !value, "not false", value) }
func Nil(t TB, value interface{}, _ ...interface{}) bool {
	return check(t, isNil(value), "not nil", value)
}
func NotNil(t TB, value interface{}, _ ...interface{}) bool { return check(t, !isNil(value), "nil") }
func Error(t TB, err error, _ ...interface{}) bool          { return check(t, err != nil, "no error") }
func NoError(t TB, err error, _ ...interface{}) bool        { return check(t, err == nil, "an error", err) }
func EqualError(t TB, err error, text string, _ ...interface{}) bool {
	return check(t, err != nil && err.Error() == text, "another error", err, text)
}
func InDelta(t TB, expected, got interface{}, delta float64, _ ...interface{}) bool {
	return check(t, math.Abs(number(expected)-number(got)) <= delta, "too far apart", expected, got)
}
func Len(t TB, value interface{}, length int, _ ...interface{}) bool {
	return check(t, reflect.ValueOf(value).Len() == length, "another length", value, length)
}
func Panics(t TB, f func(), _ ...interface{}) bool    { return check(t, panics(f), "no panic") }
func NotPanics(t TB, f func(), _ ...interface{}) bool { return check(t, !panics(f), "a panic") }

func (a *Assertions) Equal(expected, got interface{}, _ ...interface{}) bool {
	return Equal(a.t, expected, got)
}
func (a *Assertions) NotEqual(expected, got interface{}, _ ...interface{}) bool {
	return NotEqual(a.t, expected, got)
}
func (a *Assertions) True(value bool, _ ...interface{}) bool          { return True(a.t, value) }
func (a *Assertions) False(value bool, _ ...interface{}) bool         { return False(a.t, value) }
func (a *Assertions) Nil(value interface{}, _ ...interface{}) bool    { return Nil(a.t, value) }
func (a *Assertions) NotNil(value interface{}, _ ...interface{}) bool { return NotNil(a.t, value) }
func (a *Assertions) Error(err error, _ ...interface{}) bool          { return Error(a.t, err) }
func (a *Assertions) NoError(err error, _ ...interface{}) bool        { return NoError(a.t, err) }
func (a *Assertions) Len(value interface{}, length int, _ ...interface{}) bool {
	return Len(a.t, value, length)
}
func (a *Assertions) InDelta(expected, got interface{}, delta float64, _ ...interface{}) bool {
	return InDelta(a.t, expected, got, delta)
}
func (a *Assertions) Panics(f func(), _ ...interface{}) bool { return Panics(a.t, f) }
