// Compiler LIBRARY TOOLS answers requests {"program": text, "test": text or null, "entry_point": name} with
// {"program": [start, size]}, for a test file with "judge" as well, of what it writes to descriptor 4; with
// {"errors": text}; or with {"unsupported": text}.
//
// A program under a test file is linked with an answerer of calls (wire.Serve); the test file is linked with stand-ins for
// the functions of the program that it names, and copies of the types and constants.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"rayboot/wire"
)

const (
	keptJudges = 8
	ownTesting = "rayboot/testing"
)

var (
	library, tools string
	packages       = map[string]string{} // path by name
	judges         = map[string][]byte{} // the program of a test file by its sources
	preferred      = map[string]string{"rand": "math/rand", "template": "text/template", "testing": ownTesting, "assert": ownTesting}
	replaced       = map[string]string{"testing": ownTesting, "github.com/stretchr/testify/assert": ownTesting}
)

type failed struct{ text string }

func (f failed) Error() string { return f.text }

func main() {
	library, tools = os.Args[1], os.Args[2]
	syscall.CloseOnExec(4)
	config, err := os.ReadFile(filepath.Join(library, "standard.cfg"))
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(config), "\n") {
		name := strings.TrimPrefix(strings.SplitN(line, "=", 2)[0], "packagefile ")
		if base := path.Base(name); packages[base] == "" || len(name) < len(packages[base]) {
			packages[base] = name
		}
	}
	for name, full := range preferred {
		packages[name] = full
	}
	for {
		request := wire.Read().(map[string]interface{})
		program := request["program"].(string)
		if test, ok := request["test"].(string); ok {
			wire.Write(split(program, test, request["entry_point"].(string)))
		} else {
			wire.Write(alone(program))
		}
	}
}

type answer = map[string]interface{}

var file = os.NewFile(4, "made")

func alone(program string) answer {
	binary, err := build(map[string]string{"program.go": program})
	if err != nil {
		return answer{"errors": err.Error()}
	}
	return made(map[string][]byte{"program": binary})
}

func split(program, test, entryPoint string) (found answer) {
	defer func() {
		problem := recover()
		if bug, ok := problem.(runtime.Error); ok { // the parser lets through more than the splitter knows of
			found = blame(program, "package main\nfunc main() {}", bug)
		} else if problem != nil {
			panic(problem)
		}
	}()
	names := token.NewFileSet()
	programFile, programError := parser.ParseFile(names, "program.go", program, parser.SkipObjectResolution)
	if _, err := parser.ParseFile(names, "main.go", test, parser.PackageClauseOnly); err != nil {
		test = "package main;" + test
	}
	testFile, testError := parser.ParseFile(names, "main.go", test, 0)
	if testError != nil {
		return answer{"unsupported": testError.Error()}
	}
	if programError != nil {
		return alone(program) // the compiler says it better
	}
	s := newSplitter(names, programFile, testFile)
	program = edited(program, s.unusedImports())
	runner, err := build(map[string]string{"program.go": program, "answers.go": s.runner(entryPoint)})
	if err != nil {
		return answer{"errors": err.Error()}
	}
	if reason := s.refusal(); reason != "" {
		return answer{"unsupported": reason}
	}
	head, rest := s.judge(), edited(test, s.testEdits())
	judge, known := judges[head+rest]
	if !known {
		judge, err = build(map[string]string{"stubs.go": head, "main.go": rest})
		if err != nil {
			return blame(program, rest, err)
		}
		if len(judges) >= keptJudges {
			judges = map[string][]byte{}
		}
		judges[head+rest] = judge
	}
	return made(map[string][]byte{"program": runner, "judge": judge})
}

// Where program and test file do not compile together either, the program is wrong.
func blame(program, test string, reason error) answer {
	folder, err := write(map[string]string{"program.go": program, "main.go": test})
	defer os.RemoveAll(folder)
	if err == nil {
		err = compile(folder, []string{"program.go", "main.go"})
	}
	if err != nil {
		return answer{"errors": err.Error()}
	}
	return answer{"unsupported": reason.Error()}
}

func made(binaries map[string][]byte) answer {
	found, start := answer{}, 0
	for name, binary := range binaries {
		if _, err := file.WriteAt(binary, int64(start)); err != nil {
			panic(err)
		}
		found[name] = []int{start, len(binary)}
		start += len(binary)
	}
	return found
}

func write(sources map[string]string) (string, error) {
	folder, err := os.MkdirTemp(".", "build")
	for name, text := range sources {
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600)
		}
	}
	return folder, err
}

func build(sources map[string]string) ([]byte, error) {
	folder, err := write(sources)
	defer os.RemoveAll(folder)
	if err != nil {
		panic(err) // no space left: another server starts anew
	}
	files := []string{}
	for name := range sources {
		files = append(files, name)
	}
	sort.Strings(files)
	if err := compile(folder, files); err != nil {
		return nil, err
	}
	if err := tool(folder, "link", "-s", "-w", "-importcfg", filepath.Join(library, "standard.cfg"), "-o", "program", "main.a"); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(folder, "program"))
}

func compile(folder string, files []string) error {
	full, _ := filepath.Abs(folder)
	config := filepath.Join(library, "standard.cfg")
	options := []string{"-p", "main", "-complete", "-pack", "-trimpath", full, "-importcfg", config, "-o", "main.a"}
	return tool(folder, "compile", append(options, files...)...)
}

func tool(folder, name string, arguments ...string) error {
	command := exec.Command(filepath.Join(tools, name), arguments...)
	command.Dir = folder
	printed, err := command.CombinedOutput()
	if err == nil {
		return nil
	}
	if _, ended := err.(*exec.ExitError); !ended || len(printed) == 0 || command.ProcessState.ExitCode() < 0 {
		panic(fmt.Sprint(name, ": ", err)) // killed, or not there: no fault of the program
	}
	return failed{string(printed)}
}

type splitter struct {
	names     *token.FileSet
	program   *ast.File
	test      *ast.File
	used      map[string]bool // identifiers of the test
	selected  map[string]bool // what stands after a point in the test
	own       map[string]bool // declared by the test
	functions map[string]*ast.FuncDecl
	others    map[string]bool            // methods and generic functions
	methods   map[string][]*ast.FuncDecl // by the name of the receiver's type
	types     map[string]*ast.TypeSpec
	constants map[string]*ast.ValueSpec // each by itself
	imports   map[string]string         // of the program: path by name
	needed    []string                  // types of the program that the judge has, too
	copied    map[string]bool           // these, and constants
}

func newSplitter(names *token.FileSet, program, test *ast.File) *splitter {
	s := &splitter{
		names: names, program: program, test: test,
		used: map[string]bool{}, selected: map[string]bool{}, own: map[string]bool{},
		functions: map[string]*ast.FuncDecl{}, others: map[string]bool{}, methods: map[string][]*ast.FuncDecl{}, types: map[string]*ast.TypeSpec{},
		constants: map[string]*ast.ValueSpec{}, imports: map[string]string{}, copied: map[string]bool{},
	}
	for _, identifier := range test.Unresolved {
		s.used[identifier.Name] = true
	}
	ast.Inspect(test, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			s.selected[selector.Sel.Name] = true
		}
		return true
	})
	for name := range test.Scope.Objects {
		s.own[name] = true
	}
	for _, spec := range program.Imports {
		full, _ := strconv.Unquote(spec.Path.Value)
		s.imports[importName(spec)] = full
	}
	for _, declaration := range program.Decls {
		s.declare(declaration)
	}
	for _, name := range sorted(s.used) {
		s.need(name)
	}
	for _, name := range sorted(s.used) {
		if function, ok := s.functions[name]; ok && s.borrows(name) {
			s.needAll(function.Type)
		}
	}
	return s
}

func (s *splitter) declare(declaration ast.Decl) {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		s.others[declaration.Name.Name] = declaration.Type.TypeParams != nil || declaration.Recv != nil
		if declaration.Type.TypeParams != nil {
			return
		}
		if declaration.Recv == nil {
			s.functions[declaration.Name.Name] = declaration
		} else if name := receiver(declaration); name != "" {
			s.methods[name] = append(s.methods[name], declaration)
		}
	case *ast.GenDecl:
		for _, spec := range declaration.Specs {
			if spec, ok := spec.(*ast.TypeSpec); ok && spec.TypeParams == nil {
				s.types[spec.Name.Name] = spec
			}
		}
		if declaration.Tok == token.CONST {
			s.declareConstants(declaration)
		}
	}
}

func (s *splitter) declareConstants(block *ast.GenDecl) {
	var last *ast.ValueSpec // a constant without a value has that of the last one before
	for _, spec := range block.Specs {
		spec := spec.(*ast.ValueSpec)
		if last == nil || len(spec.Values) > 0 {
			last = spec
		}
		for i, name := range spec.Names {
			if i < len(last.Values) && name.Name != "_" {
				s.constants[name.Name] = &ast.ValueSpec{Names: []*ast.Ident{name}, Type: last.Type, Values: []ast.Expr{last.Values[i]}}
			}
		}
	}
}

func receiver(method *ast.FuncDecl) string {
	if len(method.Recv.List) == 0 {
		return ""
	}
	return base(method.Recv.List[0].Type)
}

// base is the name of a type, or of what a pointer points to.
func base(kind ast.Expr) string {
	if pointer, ok := kind.(*ast.StarExpr); ok {
		kind = pointer.X
	}
	if name, ok := kind.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// Not what means something to the test by itself: Go's own names are unresolved, too.
func (s *splitter) borrows(name string) bool {
	return s.used[name] && !s.own[name] && !predeclared[name] && !(s.isPackage(name))
}

func (s *splitter) isPackage(name string) bool {
	found := false
	ast.Inspect(s.test, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if ok {
			x, isName := selector.X.(*ast.Ident)
			found = found || isName && x.Name == name && x.Obj == nil && ast.IsExported(selector.Sel.Name) && packages[name] != ""
		}
		return !found
	})
	return found
}

// need notes that the judge has a type or a constant of the program's, and what that one needs.
func (s *splitter) need(name string) {
	if s.own[name] || predeclared[name] || s.copied[name] {
		return
	}
	if spec, ok := s.types[name]; ok {
		s.copied[name] = true
		s.needed = append(s.needed, name)
		s.needAll(spec.Type)
		for _, method := range s.methods[name] {
			if s.selected[method.Name.Name] {
				s.needAll(method.Type)
			}
		}
	}
	if spec, ok := s.constants[name]; ok {
		s.copied[name] = true
		s.needAll(spec)
	}
}

func (s *splitter) needAll(node ast.Node) {
	ast.Inspect(node, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok {
			s.need(name.Name)
		}
		return true
	})
}

type edit struct {
	at, end int
	text    string
}

func edited(text string, edits []edit) string {
	sort.Slice(edits, func(i, j int) bool { return edits[i].at > edits[j].at })
	for _, e := range edits {
		text = text[:e.at] + e.text + text[e.end:]
	}
	return text
}

func (s *splitter) at(node ast.Node, text string) edit {
	return edit{s.names.Position(node.Pos()).Offset, s.names.Position(node.End()).Offset, text}
}

// Imports of the program that only the test file uses, which would count as used in one file with it, become blank.
func (s *splitter) unusedImports() []edit {
	edits, used := []edit{}, map[string]bool{}
	ast.Inspect(s.program, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if x, isName := selector.X.(*ast.Ident); isName {
				used[x.Name] = true
			}
		}
		return true
	})
	uses := s.packageUses()
	for _, spec := range s.program.Imports {
		if name := importName(spec); uses[name] != "" && !used[name] {
			edits = append(edits, s.at(spec, "_ "+spec.Path.Value))
		}
	}
	return edits
}

func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	full, _ := strconv.Unquote(spec.Path.Value)
	return path.Base(full)
}

// The test's own main is called by wire.Run; it imports what it uses, and our own packages for testing.
func (s *splitter) testEdits() []edit {
	edits := []edit{s.at(s.test.Name, "main"+s.testImports())}
	for _, spec := range s.test.Imports {
		full, _ := strconv.Unquote(spec.Path.Value)
		if own := replaced[full]; own != "" {
			edits = append(edits, s.at(spec, fmt.Sprintf("%s %q", importName(spec), own)))
		}
	}
	if main := s.test.Scope.Lookup("main"); main != nil {
		if function, ok := main.Decl.(*ast.FuncDecl); ok {
			edits = append(edits, s.at(function.Name, "rayboot_test"))
		}
	}
	return edits
}

// Without a main, the test file has tests for `go test`.
func (s *splitter) testMain() string {
	names, tests := []string{}, []string{}
	for _, declaration := range s.test.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && function.Recv == nil && strings.HasPrefix(function.Name.Name, "Test") && function.Type.Params.NumFields() == 1 {
			names, tests = append(names, strconv.Quote(function.Name.Name)), append(tests, function.Name.Name)
		}
	}
	if s.test.Scope.Lookup("main") != nil || len(tests) == 0 {
		return ""
	}
	return fmt.Sprintf("func rayboot_test() { rayboot_testing.Main([]string{%s}, %s) }\n", strings.Join(names, ", "), strings.Join(tests, ", "))
}

// Packages that the test uses, and one thing that it uses of each.
func (s *splitter) packageUses() map[string]string {
	uses := map[string]string{}
	ast.Inspect(s.test, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if ok {
			if x, isName := selector.X.(*ast.Ident); isName && x.Obj == nil && !s.own[x.Name] && packages[x.Name] != "" && ast.IsExported(selector.Sel.Name) {
				uses[x.Name] = selector.Sel.Name
			}
		}
		return true
	})
	return uses
}

func (s *splitter) testImports() string {
	imports := ""
	uses := s.packageUses()
	for _, spec := range s.test.Imports {
		delete(uses, importName(spec))
	}
	for _, name := range sortedKeys(uses) {
		imports += fmt.Sprintf("; import %s %q", name, packages[name])
	}
	return imports
}

func (s *splitter) runner(entryPoint string) string {
	out := "package main\nimport rayboot_wire \"rayboot/wire\"\nfunc main() { rayboot_wire.Serve(rayboot_wire.Functions{"
	functions := map[string]bool{entryPoint: !s.others[entryPoint]}
	for name := range s.functions {
		if s.borrows(name) {
			functions[name] = true
		}
	}
	for _, name := range sorted(functions) {
		out += fmt.Sprintf("%q: %s, ", name, name)
	}
	for _, name := range s.needed {
		for _, method := range s.methods[name] {
			if how := s.how(name, method.Name.Name); how != "" && how != "Unasked" {
				out += fmt.Sprintf("%q: (%s).%s, ", name+"."+method.Name.Name, s.text(method.Recv.List[0].Type), method.Name.Name)
			}
		}
	}
	return out + "}, " + s.registry() + ") }\n"
}

func (s *splitter) satisfies(name string) bool {
	if name == "Error" || name == "String" {
		return true
	}
	for _, needed := range s.needed {
		if kind, ok := s.types[needed].Type.(*ast.InterfaceType); ok {
			for _, method := range kind.Methods.List {
				if len(method.Names) > 0 && method.Names[0].Name == name {
					return true
				}
			}
		}
	}
	return false
}

// The types that both sides have: a slice of each needs no name that the program could have declared.
func (s *splitter) registry() string {
	out := "rayboot_wire.Types{"
	for _, name := range s.needed {
		if !s.types[name].Assign.IsValid() { // not an alias
			out += fmt.Sprintf("%q: []%s{}, ", "main."+name, name)
		}
	}
	return out + "}"
}

func (s *splitter) judge() string {
	body, mentioned := "", map[string]bool{}
	mention := func(node ast.Node) {
		ast.Inspect(node, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok {
				if name, ok := selector.X.(*ast.Ident); ok && s.imports[name.Name] != "" {
					mentioned[name.Name] = true
				}
			}
			return true
		})
	}
	for _, declaration := range s.program.Decls {
		if block, ok := declaration.(*ast.GenDecl); ok && block.Tok == token.CONST {
			body += "const (\n"
			for _, spec := range block.Specs {
				body += s.neededOf(spec.(*ast.ValueSpec), mention) + "\n"
			}
			body += ")\n"
		}
	}
	for _, name := range s.needed {
		bare(s.types[name])
		mention(s.types[name])
		body += "type " + s.text(s.types[name]) + "\n"
		for _, method := range s.methods[name] {
			if how := s.how(name, method.Name.Name); how != "" {
				mention(method.Type)
				body += s.stub(method, how, name+".")
			}
		}
	}
	for _, name := range sortedFunctions(s.functions) {
		if s.borrows(name) {
			mention(s.functions[name].Type)
			body += s.stub(s.functions[name], "Call", "")
		}
	}
	head, main := "package main\nimport rayboot_wire \"rayboot/wire\"\n", s.testMain()
	if main != "" {
		head += fmt.Sprintf("import rayboot_testing %q\n", ownTesting)
	}
	for _, name := range sorted(mentioned) {
		head += fmt.Sprintf("import %s %q\n", name, s.imports[name])
	}
	return head + body + main + "func main() { rayboot_wire.Run(rayboot_test, " + s.registry() + ") }\n"
}

// neededOf has the constants that are needed, without others that stand beside them, such as `false`. One that is none
// keeps their places: they may count by iota.
func (s *splitter) neededOf(spec *ast.ValueSpec, mention func(ast.Node)) string {
	names, kind, values := []string{}, "", []string{}
	for _, name := range spec.Names {
		if s.copied[name.Name] {
			found := s.constants[name.Name]
			mention(found)
			names, values = append(names, name.Name), append(values, s.text(found.Values[0]))
			if found.Type != nil {
				kind = s.text(found.Type)
			}
		}
	}
	if len(names) == 0 {
		return "_ = 0"
	}
	return strings.Join(names, ", ") + " " + kind + " = " + strings.Join(values, ", ")
}

// how the judge answers for a method: not at all, or by this function of wire.go. What Go calls unasked would let the
// program say yes: to `fmt`, `errors` and `encoding/json`, or by an interface that it declares for that.
func (s *splitter) how(kind, method string) string {
	switch isNamed := s.used[kind]; {
	case !isNamed && implicit[method]: // then the value is its data
		return ""
	case !isNamed && (s.selected[method] || method == "Error"):
		return "CallUnnamed"
	case s.selected[method]:
		return "Call"
	case implicit[method] || s.satisfies(method):
		return "Unasked"
	}
	return ""
}

// bare leaves a struct nothing by which values that differ are equal: a tag hides a field from JSON, and `==` passes over
// a blank one.
func bare(spec *ast.TypeSpec) {
	count := 0
	ast.Inspect(spec, func(node ast.Node) bool {
		if field, ok := node.(*ast.Field); ok {
			field.Tag = nil
		}
		if name, ok := node.(*ast.Ident); ok && name.Name == "_" {
			count++
			name.Name = fmt.Sprint("rayboot_blank", count)
		}
		return true
	})
}

// refusal is why the judge could say something else than Go: an error of the standard library does not cross as itself, or
// JSON leaves out fields of a type of the program's that the test names.
func (s *splitter) refusal() string {
	uses, reason := s.packageUses(), ""
	ast.Inspect(s.test, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			name := selector.Sel.Name
			x, isName := selector.X.(*ast.Ident)
			isError := strings.HasPrefix(name, "Err") && !strings.HasPrefix(name, "Error")
			if isName && x.Obj == nil && uses[x.Name] != "" && isError && wire.Sentinels[x.Name+"."+name] == nil {
				reason = "the error " + x.Name + "." + name + " would be another one"
			}
		}
		return true
	})
	for _, name := range s.needed {
		if uses["json"] != "" && s.used[name] && s.hides(s.types[name], map[string]bool{}) {
			reason = "JSON leaves out fields of " + name + " that are not exported"
		}
	}
	return reason
}

func (s *splitter) hides(spec *ast.TypeSpec, seen map[string]bool) bool {
	found := false
	ast.Inspect(spec.Type, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.StructType:
			for _, field := range node.Fields.List {
				embedded := base(field.Type)
				found = found || len(field.Names) == 0 && embedded != "" && !ast.IsExported(embedded)
				for _, name := range field.Names {
					found = found || !name.IsExported()
				}
			}
		case *ast.Ident:
			if inner := s.types[node.Name]; inner != nil && !seen[node.Name] {
				seen[node.Name] = true
				found = found || s.hides(inner, seen)
			}
		}
		return !found
	})
	return found
}

// stub has the same name and types as a function of the program's, and a body that asks for it.
func (s *splitter) stub(function *ast.FuncDecl, how, prefix string) string {
	arguments, results, count := []string{}, []string{}, 0
	write := func(fields *ast.FieldList, letter string, pointers *[]string) string {
		list := []string{}
		if fields != nil {
			for _, field := range fields.List {
				for i := 0; i < len(field.Names) || i == 0; i++ {
					name := "rayboot_" + letter + strconv.Itoa(count)
					count++
					list = append(list, name+" "+s.text(field.Type))
					*pointers = append(*pointers, "&"+name)
				}
			}
		}
		return "(" + strings.Join(list, ", ") + ")"
	}
	head := "func "
	if function.Recv != nil {
		head += write(function.Recv, "r", &arguments) + " "
	}
	head += function.Name.Name + write(function.Type.Params, "a", &arguments) + " " + write(function.Type.Results, "v", &results)
	return fmt.Sprintf("%s { rayboot_wire.%s(%q, []interface{}{%s}, []interface{}{%s}); return }\n",
		head, how, prefix+function.Name.Name, strings.Join(arguments, ", "), strings.Join(results, ", "))
}

func (s *splitter) text(node interface{}) string {
	var out bytes.Buffer
	if err := printer.Fprint(&out, s.names, node); err != nil {
		panic(err)
	}
	return out.String()
}

func contains(names []string, name string) bool {
	for _, other := range names {
		if other == name {
			return true
		}
	}
	return false
}

func sorted(names map[string]bool) []string {
	list := []string{}
	for name, in := range names {
		if in {
			list = append(list, name)
		}
	}
	sort.Strings(list)
	return list
}

func sortedKeys(names map[string]string) []string {
	set := map[string]bool{}
	for name := range names {
		set[name] = true
	}
	return sorted(set)
}

func sortedFunctions(functions map[string]*ast.FuncDecl) []string {
	set := map[string]bool{}
	for name := range functions {
		set[name] = true
	}
	return sorted(set)
}

// Methods that the standard library calls, beside Error and String.
var implicit = map[string]bool{"As": true, "Format": true, "GoString": true, "Is": true, "MarshalJSON": true, "MarshalText": true, "Unwrap": true}

var predeclared = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(`any bool byte comparable complex64 complex128 error float32 float64 int int8 int16
		int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex copy
		delete imag len make max min new panic print println real recover`) {
		set[name] = true
	}
	return set
}()
