package rayboot;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One end of the conversation between a test file and a program, which run in two processes. A call crosses as a message
 * and waits for its reply; while it waits it serves calls of the other side, as of a lambda that was an argument.
 * Objects that are not plain data stay where they were made, and are known to the other side by a number.
 *
 * The static methods are what the stand-ins for the program's classes call (Stubs.java).
 */
public abstract class Remote extends Values {
    static Remote current;

    /** Marks the constructor of a stand-in for an object that the program has made. */
    public static final class Made {
        private Made() {}
    }

    /** A value that is not plain data, of a class that this side does not know: equal to itself alone. */
    static final class Opaque {
        private final String type;

        Opaque(String type) {
            this.type = type;
        }

        @Override
        public String toString() {
            return type;
        }
    }

    /** What cannot cross. The first decides the verdict, whatever the test file makes of the exception. */
    static final class Unsupported extends RuntimeException {
        final String status;

        /** `status`: "sandbox_error", or "failed" where it is the program that chose what cannot cross. */
        Unsupported(String status, String message) {
            super(message);
            this.status = status;
            current.unsupported = current.unsupported == null ? this : current.unsupported;
        }

        Unsupported(String message) {
            this("sandbox_error", message);
        }
    }

    record Message(String kind, Object value, List<?> changes) {}

    private final List<Object> ours = new ArrayList<>();
    private final Map<Object, Integer> numbersOfOurs = new IdentityHashMap<>();
    private final Map<Long, Object> theirs = new HashMap<>();
    private final Map<Object, Long> numbersOfTheirs = new IdentityHashMap<>();
    volatile Unsupported unsupported;

    abstract void send(String kind, Object value, List<?> changes) throws IOException;

    abstract Message receive() throws IOException;

    /** Do what a call of the other side asks for. */
    abstract Object serve(Object target, List<?> call, Object[] arguments) throws Throwable;

    /** A stand-in for an object of the other side. `names`: its class and those above, then its interfaces. */
    abstract Object standIn(List<?> names);

    abstract Throwable thrown(Map<?, ?> description);

    // What stand-ins call. `types` are the erased types of the parameters, with commas between.

    /** `result` is the erased type of what the method returns. */
    public static Object call(Class<?> result, Object target, String type, String method, String types, Object... arguments) {
        Object value = current.ask(target, type, method, types, arguments);
        if (value != null && !MethodType.methodType(result).wrap().returnType().isInstance(value)) {
            throw new Unsupported("failed", "what the program returned cannot cross to the test file as " + result.getTypeName());
        }
        return value;
    }

    /** Make an object of the program for this new stand-in. */
    public static void construct(Object standIn, String type, String types, Object... arguments) {
        if (!standIn.getClass().getName().equals(type)) {
            throw new Unsupported("the test file extends the program's class " + type);
        }
        List<?> made = (List<?>) current.askForData(null, type, "new", types, arguments);
        current.know((Long) made.get(1), standIn);
    }

    /**
     * Whether two objects of the program are equal: by what it says of itself, no test can be decided. While a set of them
     * arrives, each is another.
     */
    public static boolean equal(Object one, Object other) {
        if (current.decoding == 0 && one != other && other != null && one.getClass() == other.getClass()) {
            throw new Unsupported("the test file compares objects of the program's class " + one.getClass().getName());
        }
        return one == other;
    }

    /** What the program's constructor makes of the components of a record. */
    public static Object[] components(Class<?> type, String types, Object... arguments) {
        if (current.decoding > 0) {
            return arguments;
        }
        List<?> made = (List<?>) current.askForData(null, type.getName(), "new", types, arguments);
        return made.subList(2, made.size()).stream().map(current::decode).toArray();
    }

    private int decoding;

    /** Called before a method of an object of the other side is. */
    void check(Object target, String type, String method, Object[] arguments) {}

    private Object ask(Object target, String type, String method, String types, Object... arguments) {
        check(target, type, method, arguments);
        Object data = askForData(target, type, method, types, arguments);
        if (data instanceof List<?> parts && parts.get(0).equals("a")) { // it returned one of its arguments
            return arguments[Math.toIntExact((Long) parts.get(1))];
        }
        return decodeAll(List.of(parts(data)))[0];
    }

    private static List<Object> parts(Object data) {
        return Arrays.asList(data);
    }

    private Object[] decodeAll(List<?> data) {
        decoding++;
        try {
            return data.stream().map(part -> decode(((List<?>) part).get(0))).toArray();
        } finally {
            decoding--;
        }
    }

    private synchronized Object askForData(Object target, String type, String method, String types, Object[] arguments) {
        try {
            List<Object> call = new ArrayList<>(Arrays.asList(encode(target), type, method, types));
            for (Object argument : arguments) {
                call.add(encode(argument));
            }
            if (decoding == 0) { // else it is a hashCode, asked for a set that arrives
                noteCall(call);
            }
            send("call", call, List.of());
            return reply(arguments);
        } catch (IOException error) {
            throw new IllegalStateException("the channel is closed", error);
        }
    }

    /** Called with each call that is made: target, class, method, types, arguments. */
    void noteCall(List<?> call) {}

    private Object reply(Object[] arguments) throws IOException {
        while (true) {
            Message message = receive();
            switch (message.kind()) {
                case "call" -> answer((List<?>) message.value());
                case "raised" -> throw sneaky(thrown((Map<?, ?>) message.value()));
                default -> {
                    for (int i = 0; i < Math.min(arguments.length, message.changes().size()); i++) {
                        if (message.changes().get(i) instanceof List<?> change) {
                            Object now = decodeAll(List.of(change))[0];
                            decoding++; // objects are compared
                            replaceContents(arguments[i], now);
                            decoding--;
                        }
                    }
                    return message.value();
                }
            }
        }
    }

    /** Serve one call, and send its reply. */
    final void answer(List<?> call) throws IOException {
        List<?> data = call.subList(4, call.size());
        Object result;
        List<Object> changes = new ArrayList<>();
        try {
            Object[] arguments = decodeAll(data.stream().map(Remote::parts).toList());
            Object value = serve(decode(call.get(0)), call, arguments);
            result = encode(value);
            for (int i = 0; i < arguments.length; i++) {
                Object now = encode(arguments[i]);
                changes.add(now instanceof List<?> && !now.equals(data.get(i)) ? parts(now) : null);
                if (value == arguments[i] && now instanceof List<?>) {
                    result = List.of("a", (long) i);
                }
            }
        } catch (Throwable error) {
            send("raised", described(error), List.of());
            return;
        }
        send("ok", result, changes);
    }

    /** An exception as data, with the line of the program. */
    Map<String, Object> described(Throwable error) {
        Throwable cause = error instanceof ExceptionInInitializerError && error.getCause() != null ? error.getCause() : error;
        Map<String, Object> description = new LinkedHashMap<>();
        description.put("type", error.getClass().getName());
        description.put("message", String.valueOf(cause == error ? messageOf(error) : cause));
        description.put("line", Arrays.stream(cause.getStackTrace())
                .filter(frame -> "Program.java".equals(frame.getFileName()))
                .map(frame -> (Object) (long) frame.getLineNumber()).findFirst().orElse(null));
        List<Object> thrown = new ArrayList<>((List<?>) encodeObject(error));
        if (thrown.size() == 3 && error.getCause() != null && error.getCause() != error) {
            thrown.add(described(error.getCause()));
        }
        description.put("thrown", thrown);
        return description;
    }

    private static String messageOf(Throwable error) {
        try {
            return error.getMessage() == null ? "" : error.getMessage();
        } catch (Throwable own) {
            return "";
        }
    }

    final void know(long number, Object standIn) {
        theirs.put(number, standIn);
        numbersOfTheirs.put(standIn, number);
    }

    final boolean isTheirs(Object value) {
        return numbersOfTheirs.containsKey(value);
    }

    @Override
    Object encodeObject(Object value) {
        Long theirNumber = numbersOfTheirs.get(value);
        if (theirNumber != null) {
            return List.of("o", theirNumber);
        }
        Integer number = numbersOfOurs.get(value);
        if (number == null) {
            number = ours.size();
            ours.add(value);
            numbersOfOurs.put(value, number);
        }
        return List.of("h", (long) number, names(value.getClass()));
    }

    private static List<String> names(Class<?> type) {
        return types(type).stream().map(Class::getName).collect(Collectors.toList());
    }

    /** A class and those above, then the interfaces of all. */
    static Set<Class<?>> types(Class<?> type) {
        Set<Class<?>> types = new LinkedHashSet<>();
        for (Class<?> t = type; t != null && t != Object.class; t = t.getSuperclass()) {
            types.add(t);
        }
        for (Class<?> t : List.copyOf(types)) {
            addInterfaces(t, types);
        }
        return types;
    }

    private static void addInterfaces(Class<?> type, Set<Class<?>> types) {
        for (Class<?> i : type.getInterfaces()) {
            types.add(i);
            addInterfaces(i, types);
        }
    }

    @Override
    Object decodeObject(List<?> data) {
        switch ((String) data.get(0)) {
            case "o":
                return ours.get(Math.toIntExact((Long) data.get(1)));
            case "h":
                Long number = (Long) data.get(1);
                if (!theirs.containsKey(number)) {
                    know(number, standIn((List<?>) data.get(2)));
                }
                return theirs.get(number);
            default:
                return new Opaque(String.valueOf(data.get(data.size() - 1)));
        }
    }

    /** An object of the other side as the interfaces that it has. */
    final Object proxy(List<Class<?>> interfaces, ClassLoader loader) {
        InvocationHandler handler = (proxy, method, arguments) -> {
            Object[] all = arguments == null ? new Object[0] : arguments;
            switch (method.getName() + all.length) {
                case "equals1": return proxy == all[0];
                case "hashCode0": return System.identityHashCode(proxy);
                case "toString0": return interfaces.get(0).getName();
                default:
            }
            Class<?> type = method.getDeclaringClass();
            if (!method.isDefault()) {
                return ask(proxy, type.getName(), method.getName(), types(method.getParameterTypes()), all);
            }
            if (type.getClassLoader() == null) {
                return InvocationHandler.invokeDefault(proxy, method, all);
            }
            return MethodHandles.privateLookupIn(type, MethodHandles.lookup()).unreflectSpecial(method, type) // not public
                    .bindTo(proxy).invokeWithArguments(all);
        };
        return Proxy.newProxyInstance(loader, interfaces.toArray(Class[]::new), handler);
    }

    static String types(Class<?>[] types) {
        return Stream.of(types).map(Class::getCanonicalName).collect(Collectors.joining(","));
    }

    /** Call the method of `type`, whose class has to be `interfaces` only where the caller is not trusted. */
    static Object invoke(Object target, Class<?> type, String name, String types, Object[] arguments) throws Throwable {
        try {
            if (name.equals("new")) {
                for (Constructor<?> constructor : type.getDeclaredConstructors()) {
                    if (types(constructor.getParameterTypes()).equals(types)) {
                        constructor.setAccessible(true);
                        return constructor.newInstance(arguments);
                    }
                }
            }
            for (Method method : type.getDeclaredMethods()) {
                if (method.getName().equals(name) && !method.isBridge() && types(method.getParameterTypes()).equals(types)) {
                    method.setAccessible(true);
                    return method.invoke(target, arguments);
                }
            }
            for (java.lang.reflect.Field field : type.getDeclaredFields()) {
                if (types.equals("field") && field.getName().equals(name)) {
                    field.setAccessible(true);
                    return field.get(target);
                }
            }
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
        throw new NoSuchMethodError(type.getName() + "." + name + "(" + types + ")");
    }

    @SuppressWarnings("unchecked")
    static <T extends Throwable> RuntimeException sneaky(Throwable error) throws T {
        throw (T) error;
    }
}
