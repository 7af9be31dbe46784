package rayboot;

import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import javax.lang.model.element.TypeElement;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Compiles programs, and programs with test files, in memory, one after the other. */
final class Compiler {
    private static final Pattern ERROR = Pattern.compile("^(?:\\w+\\.java:\\d+: )?error: ", Pattern.MULTILINE);

    private final JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
    private final StandardJavaFileManager files = javac.getStandardFileManager(null, Locale.ROOT, StandardCharsets.UTF_8);
    private final List<String> options;
    private final TestFile tests;

    /** `library` has our own classes, `modules` are those of the JDK that programs may use. */
    Compiler(String library, String modules) throws IOException {
        options = List.of("-proc:none", "-g", "-nowarn", "-Xlint:none", "-cp", library, "--limit-modules", modules);
        tests = new TestFile(files);
    }

    /**
     * What became of a program: its class files and main class, with those of its test file and of the stand-ins, and the
     * classes that the test file names (Units.java); or errors, as javac prints them; or why the test file cannot be split
     * from this program.
     */
    record Result(Map<String, byte[]> program, String main, Map<String, byte[]> test, List<String> stubs, List<String> named,
            String errors, String unsupported) {
        static Result wrong(String errors) {
            return new Result(Map.of(), null, Map.of(), List.of(), List.of(), errors, null);
        }
    }

    /** `test` is null for a program by itself; `subject` is the class of the program that the test calls. */
    Result compile(String program, String test, String subject) throws IOException {
        Unit alone = new Unit(List.of(new Source("Program", program)));
        if (test == null) {
            String main = alone.parsed() ? Units.mainClass(alone.units.get(0)) : null;
            if (main == null && alone.errors.isEmpty()) {
                return Result.wrong("error: no class has a method public static void main(String[])\n");
            }
            return alone.analyzed() ? new Result(alone.generate(), main, Map.of(), List.of(), List.of(), "", null) : Result.wrong(alone.errors);
        }
        if (!alone.parsed()) {
            return Result.wrong(alone.errors);
        }
        Source main = new Source("Main", Units.packageOf(alone.units.get(0)) + tests.withImports(test, program, subject));
        Unit parsed = new Unit(List.of(main));
        String conflicts = parsed.parsed() ? alone.tree.conflicts(alone.units.get(0), parsed.units.get(0)) : parsed.errors;
        if (!conflicts.isEmpty()) {
            return Result.wrong(conflicts);
        }
        String name = Units.mainClass(parsed.units.get(0));
        if (name == null) {
            return new Result(Map.of(), null, Map.of(), List.of(), List.of(), "", "it has no method main");
        }
        if (!alone.analyzed()) {
            return Result.wrong(alone.errors);
        }
        List<Source> sources = new ArrayList<>(List.of(main));
        for (String stub : Stubs.of(alone.task.getElements(), alone.task.getTypes(), alone.declared(), TestFile.names(test))) {
            sources.add(new Source("Stub" + sources.size(), stub));
        }
        Unit split = new Unit(sources);
        boolean isParsed = split.parsed();
        List<TreePath> names = Units.names(split.units.get(0));
        if (!isParsed || !split.analyzed()) {
            Unit joined = new Unit(List.of(new Source("Program", program), main));
            boolean compiles = joined.parsed() && joined.analyzed();
            return new Result(Map.of(), null, Map.of(), List.of(), List.of(), joined.errors, compiles ? split.errors : null);
        }
        List<String> named = split.tree.classes(names);
        return new Result(alone.generate(), name, split.generate(), split.madeFrom(main), named, "", null);
    }

    /** Sources on their way through the compiler. */
    private final class Unit {
        final StringWriter printed = new StringWriter();
        final Memory memory = new Memory(files);
        final JavacTask task;
        final Units tree;
        final List<CompilationUnitTree> units = new ArrayList<>();
        String errors = "";

        Unit(List<Source> sources) {
            task = (JavacTask) javac.getTask(printed, memory, null, options, null, sources);
            tree = new Units(task);
        }

        boolean parsed() throws IOException {
            task.parse().forEach(units::add);
            return check();
        }

        boolean analyzed() throws IOException {
            task.analyze();
            return check();
        }

        private boolean check() {
            errors = errors(printed);
            return errors.isEmpty();
        }

        List<TypeElement> declared() {
            return tree.declared(units.get(0));
        }

        Map<String, byte[]> generate() throws IOException {
            task.generate();
            Map<String, byte[]> classes = new LinkedHashMap<>();
            memory.written.forEach(file -> classes.put(file.name, file.bytes.toByteArray()));
            return classes;
        }

        /** The classes that are not of this source. */
        List<String> madeFrom(Source main) {
            return memory.written.stream().filter(file -> file.source != main).map(file -> file.name).toList();
        }
    }

    /** What javac has printed, if there is an error in it. */
    private static String errors(StringWriter printed) {
        String text = printed.toString();
        return ERROR.matcher(text).find() ? text : "";
    }

    private static final class Source extends SimpleJavaFileObject {
        private final String name;
        private final String text;

        Source(String name, String text) {
            super(URI.create("memory:///" + name + ".java"), Kind.SOURCE);
            this.name = name + ".java";
            this.text = text;
        }

        @Override
        public String getName() {
            return name;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }

        /** A public class may have any name, as a program is always one file. */
        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            return true;
        }
    }

    private static final class ClassFile extends SimpleJavaFileObject {
        final String name;
        final FileObject source;
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        ClassFile(String name, FileObject source) {
            super(URI.create("memory:///classes/" + name.replace('.', '/') + ".class"), Kind.CLASS);
            this.name = name;
            this.source = source;
        }

        @Override
        public OutputStream openOutputStream() {
            return bytes;
        }
    }

    private static final class Memory extends ForwardingJavaFileManager<JavaFileManager> {
        private final List<ClassFile> written = new ArrayList<>();

        Memory(JavaFileManager files) {
            super(files);
        }

        @Override
        public JavaFileObject getJavaFileForOutput(Location to, String name, JavaFileObject.Kind kind, FileObject source) {
            written.add(new ClassFile(name, source));
            return written.get(written.size() - 1);
        }

        @Override
        public boolean isSameFile(FileObject a, FileObject b) {
            return a.toUri().equals(b.toUri());
        }
    }
}
