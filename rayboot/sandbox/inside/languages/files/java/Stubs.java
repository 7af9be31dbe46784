package rayboot;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.NestingKind;
import javax.lang.model.element.TypeElement;
import javax.lang.model.element.TypeParameterElement;
import javax.lang.model.element.VariableElement;
import javax.lang.model.type.ArrayType;
import javax.lang.model.type.DeclaredType;
import javax.lang.model.type.TypeKind;
import javax.lang.model.type.TypeMirror;
import javax.lang.model.type.TypeVariable;
import javax.lang.model.type.WildcardType;
import javax.lang.model.util.ElementFilter;
import javax.lang.model.util.Elements;
import javax.lang.model.util.Types;

/**
 * Writes stand-ins for classes of a program: the same names and signatures, and bodies that call the program's process
 * (Remote.java). A record is plain data, an enum its constants; of other classes only a number crosses. Fields are
 * constants or absent: a test file that needs more does not compile, and is refused.
 */
final class Stubs {
    /** Interfaces of the JDK that a stand-in has too: the JDK calls them for the test file, as by `for (x : object)`. */
    private static final Set<String> INTERFACES = Set.of("java.lang.Comparable", "java.lang.Iterable", "java.lang.Runnable",
            "java.lang.AutoCloseable", "java.util.Comparator", "java.util.Iterator", "java.util.concurrent.Callable");
    private static final Set<String> NOT_FORWARDED = Set.of("equals", "clone", "finalize", "getMessage");

    private final Elements elements;
    private final Types types;
    private final Set<String> names;
    private final List<TypeElement> found = new ArrayList<>();
    private final StringBuilder out = new StringBuilder();

    private Stubs(Elements elements, Types types, Set<String> names) {
        this.elements = elements;
        this.types = types;
        this.names = names;
    }

    /** A source for each class at the top level that is named in the test file, or needed by one that is. */
    static List<String> of(Elements elements, Types types, List<TypeElement> declared, Set<String> names) {
        Stubs stubs = new Stubs(elements, types, names);
        declared.stream().filter(type -> names.contains(type.getSimpleName().toString())).forEach(stubs::need);
        List<String> sources = new ArrayList<>();
        for (int i = 0; i < stubs.found.size(); i++) { // grows
            stubs.out.setLength(0);
            TypeElement type = stubs.found.get(i);
            String unit = elements.getPackageOf(type).getQualifiedName().toString();
            stubs.out.append(unit.isEmpty() ? "" : "package " + unit + ";\n");
            stubs.type(type);
            sources.add(stubs.out.toString());
        }
        return sources;
    }

    private void need(TypeElement type) {
        TypeElement outermost = type;
        while (outermost.getEnclosingElement() instanceof TypeElement outer) {
            outermost = outer;
        }
        if (isOfProgram(outermost) && !found.contains(outermost)) {
            found.add(outermost);
        }
    }

    private boolean isOfProgram(TypeElement type) {
        return elements.getModuleOf(type).isUnnamed() && !type.getQualifiedName().toString().startsWith("rayboot.");
    }

    private void type(TypeElement type) {
        String name = type.getSimpleName().toString();
        boolean isInterface = type.getKind() == ElementKind.INTERFACE;
        TypeMirror above = type.getSuperclass();
        switch (type.getKind()) {
            case ENUM -> out.append(modifiers(type)).append("enum ").append(name);
            case RECORD -> out.append(modifiers(type)).append("record ").append(name).append(parameters(type.getTypeParameters()))
                    .append("(").append(type.getRecordComponents().stream().map(c -> written(c.asType()) + " " + c.getSimpleName())
                            .collect(Collectors.joining(", "))).append(")");
            case INTERFACE -> out.append(modifiers(type)).append("interface ").append(name).append(parameters(type.getTypeParameters()));
            default -> out.append(modifiers(type)).append("class ").append(name).append(parameters(type.getTypeParameters()))
                    .append(superclass(above));
        }
        List<String> interfaces = type.getInterfaces().stream().filter(i -> isKept(type, i)).map(this::written).toList();
        out.append(interfaces.isEmpty() ? "" : (isInterface ? " extends " : " implements ") + String.join(", ", interfaces));
        out.append(" {\n");
        if (type.getKind() == ElementKind.ENUM) {
            out.append(constants(type).stream().map(Element::getSimpleName).collect(Collectors.joining(", "))).append(";\n");
        }
        ElementFilter.fieldsIn(type.getEnclosedElements()).forEach(field -> field(type, field));
        constructors(type);
        if (type.getKind() == ElementKind.CLASS && hasEquals(type)) {
            out.append("public boolean equals(java.lang.Object other) { return rayboot.Remote.equal(this, other); }\n");
        }
        for (ExecutableElement method : ElementFilter.methodsIn(type.getEnclosedElements())) {
            if (!method.getModifiers().contains(Modifier.PRIVATE) && isForwarded(type, method)) {
                method(type, method);
            }
        }
        if (isThrowable(type.asType()) && !isOfProgram(element(above))) {
            out.append("public java.lang.String getMessage() { return (java.lang.String) rayboot.Remote.call(java.lang.String.class, this, \"java.lang.Throwable\", \"getMessage\", \"\"); }\n");
        }
        for (TypeElement member : ElementFilter.typesIn(type.getEnclosedElements())) {
            if (member.getKind() != ElementKind.ANNOTATION_TYPE && !(isInner(member) && !type.getTypeParameters().isEmpty())) {
                type(member);
            }
        }
        out.append("}\n");
    }

    private static boolean hasEquals(TypeElement type) {
        return ElementFilter.methodsIn(type.getEnclosedElements()).stream()
                .anyMatch(method -> method.getSimpleName().contentEquals("equals") && method.getParameters().size() == 1);
    }

    private static List<VariableElement> constants(TypeElement type) {
        return ElementFilter.fieldsIn(type.getEnclosedElements()).stream()
                .filter(field -> field.getKind() == ElementKind.ENUM_CONSTANT).toList();
    }

    private static boolean isInner(TypeElement type) {
        return type.getNestingKind() == NestingKind.MEMBER && !type.getModifiers().contains(Modifier.STATIC);
    }

    private String modifiers(TypeElement type) {
        boolean nested = type.getNestingKind() == NestingKind.MEMBER;
        String access = type.getModifiers().contains(Modifier.PUBLIC) ? "public "
                : type.getModifiers().contains(Modifier.PROTECTED) ? "protected " : "";
        return access + (nested ? "static " : "");
    }

    private String superclass(TypeMirror above) {
        if (isThrowable(above) || element(above) != null && isOfProgram(element(above))) {
            return " extends " + written(above);
        }
        return "";
    }

    private boolean isThrowable(TypeMirror type) {
        return types.isSubtype(types.erasure(type), elements.getTypeElement("java.lang.Throwable").asType());
    }

    /** An object that the test file does not expect takes no part in the JDK's comparisons. */
    private boolean isKept(TypeElement type, TypeMirror above) {
        String name = element(above).getQualifiedName().toString();
        boolean expected = !name.equals("java.lang.Comparable") || names.contains(type.getSimpleName().toString());
        return isOfProgram(element(above)) || INTERFACES.contains(name) && expected || name.startsWith("java.util.function.");
    }

    private void field(TypeElement type, VariableElement field) {
        boolean isConstant = field.getConstantValue() != null;
        boolean isFixed = field.getModifiers().containsAll(Set.of(Modifier.STATIC, Modifier.FINAL));
        if (field.getKind() == ElementKind.ENUM_CONSTANT || field.getModifiers().contains(Modifier.PRIVATE)
                || !isFixed || !names.contains(field.getSimpleName().toString())) {
            return;
        }
        String value = isConstant ? elements.getConstantExpression(field.getConstantValue())
                : "(" + written(field.asType()) + ") rayboot.Remote.call(" + erased(field.asType()) + ".class, null, " + binaryName(type) + ", \""
                        + field.getSimpleName() + "\", \"field\")";
        out.append("static final ").append(written(field.asType())).append(" ").append(field.getSimpleName())
                .append(" = ").append(value).append(";\n");
    }

    private void constructors(TypeElement type) {
        String name = type.getSimpleName().toString();
        List<ExecutableElement> all = ElementFilter.constructorsIn(type.getEnclosedElements());
        if (type.getKind() == ElementKind.RECORD) {
            List<String> fields = type.getRecordComponents().stream().map(c -> c.getSimpleName().toString()).toList();
            String erased = type.getRecordComponents().stream().map(c -> erased(c.asType())).collect(Collectors.joining(","));
            out.append("public ").append(name).append(" { java.lang.Object[] rayboot_c = rayboot.Remote.components(").append(name)
                    .append(".class, \"").append(erased).append("\"").append(fields.isEmpty() ? "" : ", ")
                    .append(String.join(", ", fields.stream().map(f -> "(java.lang.Object) " + f).toList())).append(");\n");
            for (int i = 0; i < fields.size(); i++) {
                out.append(fields.get(i)).append(" = (").append(written(type.getRecordComponents().get(i).asType()))
                        .append(") rayboot_c[").append(i).append("];\n");
            }
            out.append("}\n");
        }
        if (type.getKind() != ElementKind.CLASS) {
            return;
        }
        String above = element(type.getSuperclass()) != null && isOfProgram(element(type.getSuperclass()))
                ? "super((rayboot.Remote.Made) null);" : "super();";
        out.append("protected ").append(name).append("(rayboot.Remote.Made made) { ").append(above).append(" }\n");
        for (ExecutableElement constructor : all) {
            if (!constructor.getModifiers().contains(Modifier.PRIVATE) && !isInner(type)) {
                out.append(access(constructor)).append(parameters(constructor.getTypeParameters())).append(" ").append(name)
                        .append(signature(constructor)).append(" { ").append(above)
                        .append(" rayboot.Remote.construct(this, ").append(binaryName(type)).append(", \"")
                        .append(erasedParameters(constructor)).append("\"").append(arguments(constructor)).append("); }\n");
            }
        }
    }

    private boolean isForwarded(TypeElement type, ExecutableElement method) {
        String name = method.getSimpleName().toString();
        boolean implied = elements.getOrigin(method) == Elements.Origin.MANDATED
                || type.getKind() == ElementKind.ENUM && List.of("values", "valueOf").contains(name);
        boolean accessor = type.getKind() == ElementKind.RECORD && method.getParameters().isEmpty()
                && type.getRecordComponents().stream().anyMatch(c -> c.getSimpleName().contentEquals(name));
        return !implied && !accessor && !NOT_FORWARDED.contains(name);
    }

    private void method(TypeElement type, ExecutableElement method) {
        boolean isStatic = method.getModifiers().contains(Modifier.STATIC);
        boolean isInterface = type.getKind() == ElementKind.INTERFACE;
        boolean isAbstract = isInterface && method.getModifiers().contains(Modifier.ABSTRACT);
        out.append(isInterface ? "" : access(method)).append(isStatic ? "static " : isInterface && !isAbstract ? "default " : "")
                .append(parameters(method.getTypeParameters())).append(" ").append(written(method.getReturnType())).append(" ")
                .append(method.getSimpleName()).append(signature(method));
        if (isAbstract) {
            out.append(";\n");
            return;
        }
        boolean isVoid = method.getReturnType().getKind() == TypeKind.VOID;
        out.append(" { ").append(isVoid ? "" : "return (" + written(method.getReturnType()) + ") ").append("rayboot.Remote.call(")
                .append(erased(method.getReturnType())).append(".class, ").append(isStatic ? "null" : "this").append(", ").append(binaryName(type)).append(", \"")
                .append(method.getSimpleName()).append("\", \"").append(erasedParameters(method)).append("\"")
                .append(arguments(method)).append("); }\n");
    }

    private String binaryName(TypeElement type) {
        return '"' + elements.getBinaryName(type).toString() + '"';
    }

    private static String access(ExecutableElement member) {
        return member.getModifiers().contains(Modifier.PUBLIC) ? "public "
                : member.getModifiers().contains(Modifier.PROTECTED) ? "protected " : "";
    }

    /** Parameters and exceptions. */
    private String signature(ExecutableElement method) {
        List<String> written = new ArrayList<>();
        for (VariableElement parameter : method.getParameters()) {
            written.add(written(parameter.asType()) + " a" + written.size());
        }
        if (method.isVarArgs()) {
            String last = written.get(written.size() - 1);
            int brackets = last.lastIndexOf("[]");
            written.set(written.size() - 1, last.substring(0, brackets) + "..." + last.substring(brackets + 2));
        }
        List<String> thrown = method.getThrownTypes().stream().map(this::written).toList();
        return "(" + String.join(", ", written) + ")" + (thrown.isEmpty() ? "" : " throws " + String.join(", ", thrown));
    }

    /** Each as an Object: an array would else be taken for all of them. */
    private static String arguments(ExecutableElement method) {
        StringBuilder arguments = new StringBuilder();
        for (int i = 0; i < method.getParameters().size(); i++) {
            arguments.append(", (java.lang.Object) a").append(i);
        }
        return arguments.toString();
    }

    private String erasedParameters(ExecutableElement method) {
        return method.getParameters().stream().map(p -> erased(p.asType())).collect(Collectors.joining(","));
    }

    private String erased(TypeMirror type) {
        return written(types.erasure(type));
    }

    private String parameters(List<? extends TypeParameterElement> parameters) {
        return parameters.isEmpty() ? "" : parameters.stream()
                .map(p -> p.getSimpleName() + " extends " + p.getBounds().stream().map(this::written).collect(Collectors.joining(" & ")))
                .collect(Collectors.joining(", ", "<", ">"));
    }

    /** The type as source text, without annotations; classes of the program that it names get stand-ins. */
    private String written(TypeMirror type) {
        switch (type.getKind()) {
            case ARRAY:
                return written(((ArrayType) type).getComponentType()) + "[]";
            case TYPEVAR:
                return ((TypeVariable) type).asElement().getSimpleName().toString();
            case WILDCARD:
                WildcardType wildcard = (WildcardType) type;
                return wildcard.getExtendsBound() != null ? "? extends " + written(wildcard.getExtendsBound())
                        : wildcard.getSuperBound() != null ? "? super " + written(wildcard.getSuperBound()) : "?";
            case DECLARED:
                DeclaredType declared = (DeclaredType) type;
                TypeElement named = element(type);
                need(named);
                String arguments = declared.getTypeArguments().stream().map(this::written).collect(Collectors.joining(", "));
                return named.getQualifiedName() + (arguments.isEmpty() ? "" : "<" + arguments + ">");
            default:
                return type.getKind().isPrimitive() || type.getKind() == TypeKind.VOID
                        ? type.getKind().toString().toLowerCase(java.util.Locale.ROOT) : "java.lang.Object";
        }
    }

    private TypeElement element(TypeMirror type) {
        return types.asElement(type) instanceof TypeElement element ? element : null;
    }
}
