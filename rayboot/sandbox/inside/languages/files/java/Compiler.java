package rayboot;

import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.JavacTask;
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

    /** Class files, and classes.txt for the launcher, by name below the work directory. */
    record Result(Map<String, byte[]> files, String errors) {}

    /** `test` is null for a program by itself; `subject` is the class of the program that the test calls. */
    Result compile(String program, String test, String subject) throws IOException {
        List<Source> sources = new ArrayList<>(List.of(new Source("Program", program)));
        if (test != null) {
            sources.add(new Source("Main", tests.withImports(test, subject)));
        }
        StringWriter printed = new StringWriter();
        Memory memory = new Memory(files);
        JavacTask task = (JavacTask) javac.getTask(printed, memory, null, options, null, sources);
        List<CompilationUnitTree> units = new ArrayList<>();
        task.parse().forEach(units::add);
        String errors = errors(printed);
        if (errors.isEmpty() && test != null) {
            errors = new Units(task).conflicts(units.get(0), units.get(1));
        }
        if (errors.isEmpty()) {
            task.analyze();
            errors = errors(printed);
        }
        String main = errors.isEmpty() ? Units.mainClass(units.get(units.size() - 1)) : null;
        if (errors.isEmpty() && main == null) {
            errors = "error: no class has a method public static void main(String[])\n";
        }
        if (!errors.isEmpty()) {
            return new Result(Map.of(), errors);
        }
        task.generate();
        return new Result(memory.classFiles(main, sources.get(sources.size() - 1)), errors(printed));
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

        Map<String, byte[]> classFiles(String main, Source last) {
            Map<String, byte[]> files = new LinkedHashMap<>();
            StringBuilder names = new StringBuilder(main + "\n");
            for (ClassFile file : written) {
                files.put("classes/" + file.name.replace('.', '/') + ".class", file.bytes.toByteArray());
                if (file.source == last && !file.name.equals(main)) {
                    names.append(file.name).append("\n");
                }
            }
            files.put("classes.txt", names.toString().getBytes(StandardCharsets.UTF_8));
            return files;
        }
    }
}
