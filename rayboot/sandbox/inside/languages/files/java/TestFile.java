package rayboot;

import java.io.IOException;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.StandardLocation;

/**
 * Gives a test file its imports.
 *
 * A class that the program declares would hide one that is imported by `java.util.*`, and `class Arrays` or `class Boolean`
 * could lie to the test. So every JDK class that the test names is imported by name: that hides the program's.
 */
final class TestFile {
    private static final String[] PACKAGES = {"java.lang", "java.util", "java.io", "java.math"};
    private static final Pattern CLASS = Pattern.compile("\\b[A-Z]\\w*");
    private static final Pattern NAME = Pattern.compile("\\b[\\p{L}_$][\\p{L}\\p{N}_$]*");
    private static final Pattern DECLARED = Pattern.compile("\\b(?:class|interface|enum|record)\\s+(\\w+)");

    private static final Pattern PACKAGE = Pattern.compile("\\bimport\\s+(java\\.[\\w.]+)\\.\\*\\s*;");

    private static final Pattern IMPORT = Pattern.compile("\\bimport (java(?:\\.[a-z]\\w*)+)\\.([A-Z]\\w*|\\*);");

    private final JavaFileManager files;
    private final JavaFileManager.Location base;
    private final Map<String, String> classes = new TreeMap<>();

    TestFile(JavaFileManager files) throws IOException {
        this.files = files;
        base = files.getLocationForModule(StandardLocation.SYSTEM_MODULES, "java.base");
        for (String name : PACKAGES) {
            addClasses(name, classes);
        }
    }

    private void addClasses(String name, Map<String, String> classes) throws IOException {
        for (JavaFileObject file : files.list(base, name, EnumSet.of(JavaFileObject.Kind.CLASS), false)) {
            String full = files.inferBinaryName(base, file);
            classes.putIfAbsent(full.substring(name.length() + 1), full);
        }
    }

    /** All in the first line, so that the test's other lines keep their numbers. */
    String withImports(String test, String program, String subject) throws IOException {
        Map<String, String> classes = new TreeMap<>(this.classes);
        for (String name : matches(PACKAGE, test, 1)) {
            addClasses(name, classes);
        }
        Set<String> names = new TreeSet<>(matches(CLASS, test, 0));
        names.retainAll(classes.keySet());
        names.remove(subject);
        names.removeAll(matches(DECLARED, test, 1));
        StringBuilder imports = new StringBuilder();
        for (String name : names) {
            imports.append("import ").append(classes.get(name)).append("; ");
        }
        for (String name : PACKAGES) {
            imports.append("import ").append(name).append(".*; ");
        }
        for (MatchResult found : IMPORT.matcher(program).results().toList()) { // of one file with the test in the benchmark's harness
            if (!names.contains(found.group(2)) && !imports.toString().contains(found.group()) && !test.contains(found.group())) {
                imports.append(found.group()).append(" ");
            }
        }
        return imports + test;
    }

    /** All names in a test file. */
    static Set<String> names(String test) {
        return matches(NAME, test, 0);
    }

    private static Set<String> matches(Pattern pattern, String text, int group) {
        return pattern.matcher(text).results().map((MatchResult r) -> r.group(group)).collect(Collectors.toSet());
    }
}
