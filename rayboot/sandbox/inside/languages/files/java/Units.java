package rayboot;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.tree.ImportTree;
import com.sun.source.tree.MemberReferenceTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.TypeParameterTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.TreeScanner;
import com.sun.source.util.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.Name;
import javax.lang.model.element.TypeElement;

/** What the parsed sources declare. */
final class Units {
    private static final Set<String> PACKAGES = Set.of("java", "rayboot");

    private final JavacTask task;

    Units(JavacTask task) {
        this.task = task;
    }

    /** Errors, as javac would print them, where the program takes a name that belongs to the test file. */
    String conflicts(CompilationUnitTree program, CompilationUnitTree test) {
        if (packageOf(program).startsWith("package rayboot")) {
            return error(program, program.getPackageName(), "the package rayboot is the sandbox's own");
        }
        Set<String> reserved = classes(test).stream().map(c -> c.getSimpleName().toString()).collect(Collectors.toSet());
        StringBuilder errors = new StringBuilder();
        for (ClassTree declared : classes(program)) {
            String name = declared.getSimpleName().toString();
            if (reserved.contains(name.split("\\$", -1)[0])) {
                errors.append(error(program, declared, "duplicate class: " + name + " is declared by the test file"));
            }
        }
        new Hidden(program, errors).scan(program, null);
        return errors.toString();
    }

    /** Finds what would hide a package from the test file or from the stand-ins, which write names in full. */
    private final class Hidden extends TreeScanner<Void, Void> {
        private final CompilationUnitTree program;
        private final StringBuilder errors;

        Hidden(CompilationUnitTree program, StringBuilder errors) {
            this.program = program;
            this.errors = errors;
        }

        @Override
        public Void visitClass(ClassTree tree, Void none) {
            note(tree, "class", tree.getSimpleName());
            return super.visitClass(tree, none);
        }

        @Override
        public Void visitTypeParameter(TypeParameterTree tree, Void none) {
            note(tree, "type parameter", tree.getName());
            return super.visitTypeParameter(tree, none);
        }

        /** It hides a package where a method is called, as of rayboot.Remote. */
        @Override
        public Void visitVariable(VariableTree tree, Void none) {
            if (tree.getName().contentEquals("rayboot")) {
                note(tree, "variable", tree.getName());
            }
            return super.visitVariable(tree, none);
        }

        private void note(Tree tree, String kind, Name name) {
            if (PACKAGES.contains(name.toString()) || packageOf(program).startsWith("package " + name + ".")) {
                errors.append(error(program, tree, kind + " " + name + " hides a package that the test file needs"));
            }
        }
    }

    /** Where a test file may name a class, other than to call a static method. Analysis adds more, as for `var`. */
    static List<TreePath> names(CompilationUnitTree parsed) {
        List<TreePath> names = new ArrayList<>();
        new TreePathScanner<Void, Void>() {
            @Override
            public Void visitImport(ImportTree tree, Void none) {
                return null;
            }

            @Override
            public Void visitIdentifier(IdentifierTree tree, Void none) {
                note();
                return super.visitIdentifier(tree, none);
            }

            @Override
            public Void visitMemberSelect(MemberSelectTree tree, Void none) {
                note();
                return super.visitMemberSelect(tree, none);
            }

            private void note() {
                TreePath parent = getCurrentPath().getParentPath();
                boolean isCalled = parent.getLeaf() instanceof MemberReferenceTree
                        || parent.getParentPath().getLeaf() instanceof MethodInvocationTree call && call.getMethodSelect() == parent.getLeaf();
                if (!isCalled) {
                    names.add(getCurrentPath());
                }
            }
        }.scan(new TreePath(parsed), null);
        return names;
    }

    /** The binary names of the classes among these names, once they are analyzed. */
    List<String> classes(List<TreePath> names) {
        Trees trees = Trees.instance(task);
        return names.stream().map(trees::getElement).filter(e -> e instanceof TypeElement)
                .map(e -> task.getElements().getBinaryName((TypeElement) e).toString()).distinct().toList();
    }

    /** The declaration of the package of a program, for its test file, which belongs to the same. */
    static String packageOf(CompilationUnitTree unit) {
        return unit.getPackageName() == null ? "" : "package " + unit.getPackageName() + "; ";
    }

    /** The classes at the top level of a source that is analyzed. */
    List<TypeElement> declared(CompilationUnitTree unit) {
        Trees trees = Trees.instance(task);
        return classes(unit).stream()
                .map(c -> (TypeElement) trees.getElement(TreePath.getPath(unit, c))).filter(Objects::nonNull).toList();
    }

    /** The binary name of the first class with a main method, a public one before others; null if there is none. */
    static String mainClass(CompilationUnitTree unit) {
        List<ClassTree> found = new ArrayList<>();
        for (ClassTree declared : classes(unit)) {
            if (declared.getMembers().stream().anyMatch(Units::isMain)) {
                found.add(declared.getModifiers().getFlags().contains(Modifier.PUBLIC) ? 0 : found.size(), declared);
            }
        }
        if (found.isEmpty()) {
            return null;
        }
        String prefix = unit.getPackageName() == null ? "" : unit.getPackageName() + ".";
        return prefix + found.get(0).getSimpleName();
    }

    private static boolean isMain(Tree member) {
        return member instanceof MethodTree method
                && method.getName().contentEquals("main")
                && method.getParameters().size() == 1
                && method.getModifiers().getFlags().contains(Modifier.STATIC);
    }

    private static List<ClassTree> classes(CompilationUnitTree unit) {
        return unit.getTypeDecls().stream().filter(t -> t instanceof ClassTree).map(t -> (ClassTree) t).toList();
    }

    private String error(CompilationUnitTree unit, Tree tree, String message) {
        long start = Trees.instance(task).getSourcePositions().getStartPosition(unit, tree);
        return "Program.java:" + unit.getLineMap().getLineNumber(start) + ": error: " + message + "\n";
    }
}
