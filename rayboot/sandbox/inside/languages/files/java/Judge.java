package rayboot;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TimeZone;
import java.util.regex.Pattern;

/**
 * Runs test files, one after the other, each with classes of its own. The classes of the program that it names are
 * stand-ins, whose calls go to the program's process.
 *
 * A request is {"main": class, "classes": {name: base64}, "stubs": [name], "named": [name]}, where the classes that are
 * `named` are those that the test file names other than to call a static method; the last message about it is
 * ["verdict", outcome, whether this process is fit for further tests].
 */
final class Judge extends Remote {
    private static final long STACK = 16 << 20;
    private static final int SHOWN = 1000;
    /** Interfaces of the JDK that an object of the program may be asked by; others could take part in a comparison. */
    private static final Set<String> ASKED = Set.of("java.lang.Runnable", "java.lang.Iterable", "java.util.Iterator",
            "java.util.Comparator", "java.util.concurrent.Callable");

    /** Classes of what only a number has crossed of. */
    private static final Pattern FOREIGN = Pattern.compile("class (rayboot\\.Remote\\$Opaque|\\S*\\$Proxy\\d+) cannot be cast");

    private final Channel channel;
    private final TestClasses classes;
    private final Map<Throwable, Map<?, ?>> raised = new IdentityHashMap<>();
    private String lastCall = "";
    private Throwable outcome;

    private Judge(Channel channel, TestClasses classes) {
        this.channel = channel;
        this.classes = classes;
    }

    public static void main(String[] arguments) throws Exception {
        Channel channel = new Channel();
        Properties properties = (Properties) System.getProperties().clone();
        Locale locale = Locale.getDefault();
        while (true) {
            System.setProperties((Properties) properties.clone());
            Locale.setDefault(locale);
            TimeZone.setDefault(null);
            System.setIn(InputStream.nullInputStream());
            System.setOut(new PrintStream(OutputStream.nullOutputStream()));
            System.setErr(System.out);
            int threads = Thread.activeCount();
            Map<?, ?> request = (Map<?, ?>) channel.receive();
            Judge judge = new Judge(channel, new TestClasses(request));
            current = judge;
            Map<String, Object> verdict = judge.verdict((String) request.get("main"));
            channel.send(List.of("verdict", verdict, Thread.activeCount() == threads));
        }
    }

    private Map<String, Object> verdict(String main) throws InterruptedException {
        Thread thread = new Thread(null, () -> run(main), "main", STACK);
        thread.start();
        thread.join();
        if (unsupported != null) {
            return Map.of("status", unsupported.status, "error_type", unsupported.getClass().getName(),
                    "message", cut(unsupported.getMessage()), "call", lastCall);
        }
        if (outcome == null) {
            return lastCall.isEmpty()
                    ? Map.of("status", "sandbox_error", "message", "the test file called nothing of the program")
                    : Map.of("status", "passed");
        }
        Map<?, ?> ofProgram = null;
        for (Throwable error = outcome; error != null && ofProgram == null; error = error.getCause()) {
            ofProgram = raised.get(error);
        }
        Map<String, Object> verdict = new LinkedHashMap<>();
        verdict.put("call", lastCall);
        if (ofProgram != null && "java.lang.OutOfMemoryError".equals(ofProgram.get("type"))) {
            verdict.putAll(Map.of("status", "memory_limit", "error_type", "MemoryError",
                    "message", "the program needs more memory"));
        } else if (ofProgram != null) {
            verdict.put("status", "error");
            verdict.put("error_type", ofProgram.get("type"));
            verdict.put("message", ofProgram.get("message"));
            verdict.put("line", ofProgram.get("line"));
        } else {
            boolean opaque = outcome instanceof ClassCastException && FOREIGN.matcher(outcome.toString()).find();
            boolean blind = classes.bytes.values().stream().anyMatch(data -> new String(data, StandardCharsets.ISO_8859_1).contains("setOut"));
            verdict.put("status", blind ? "sandbox_error" : "failed");
            verdict.put("error_type", outcome.getClass().getName());
            verdict.put("message", opaque ? "what the program returned cannot cross to the test file"
                    : blind ? "the test file watches what is printed, and the program prints in another process"
                    : cut(outcome.getMessage()));
        }
        return verdict;
    }

    private void run(String main) {
        try {
            Method method = classes.loadClass(main).getDeclaredMethod("main", String[].class);
            method.setAccessible(true);
            method.invoke(null, (Object) new String[0]);
        } catch (InvocationTargetException wrapped) {
            outcome = wrapped.getCause();
        } catch (Throwable error) {
            outcome = error;
        }
    }

    private static String cut(String text) {
        return text == null ? "" : text.substring(0, Math.min(text.length(), SHOWN));
    }

    @Override
    void noteCall(List<?> call) {
        String of = call.get(0) == null ? call.get(1) + "." : "";
        String shown = shown(call.subList(4, call.size()));
        lastCall = of + call.get(2) + "(" + (shown.length() > SHOWN ? shown.substring(0, SHOWN) + "..." : shown) + ")";
    }

    /**
     * An object of a class that the test file does not name is not asked about data: where a test file expects a number or
     * a list, the program's own class could say yes to any. The methods of a class that it names are believed.
     */
    @Override
    void check(Object target, String type, String method, Object[] arguments) {
        if (target == null || Arrays.stream(arguments).allMatch(this::isTheirs)) {
            return;
        }
        if (method.equals("compareTo") && target instanceof Comparable && arguments[0] != null
                && !classes.stubs.contains(arguments[0].getClass().getName())) {
            throw new Unsupported("failed", "an object of the program's class " + type + " is compared with data");
        }
        boolean known = types(target.getClass()).stream()
                .filter(t -> classes.named.contains(t.getName()) || isAsked(t.getName()))
                .flatMap(t -> Arrays.stream(t.getDeclaredMethods()))
                .anyMatch(m -> m.getName().equals(method) && m.getParameterCount() == arguments.length);
        if (!known) {
            throw new Unsupported("the test file calls " + method + " of the program's class " + type + ", which it does not name");
        }
    }

    @Override
    void send(String kind, Object value, List<?> changes) throws IOException {
        channel.send(Arrays.asList(kind.equals("call") ? "ask" : "answer", kind, value, changes));
    }

    @Override
    Message receive() throws IOException {
        List<?> message = (List<?>) channel.receive();
        return new Message((String) message.get(0), message.get(1), (List<?>) message.get(2));
    }

    /** The program may call what it was given to call, by an interface of it. */
    @Override
    Object serve(Object target, List<?> call, Object[] arguments) throws Throwable {
        Class<?> type = call.get(0) instanceof List<?> data && data.get(0).equals("o") ? interfaceOf(target.getClass(), call.get(1)) : null;
        if (type != null) {
            return invoke(target, type, (String) call.get(2), (String) call.get(3), arguments);
        }
        throw new IllegalAccessException(String.valueOf(call.get(1)));
    }

    private static Class<?> interfaceOf(Class<?> type, Object name) {
        for (Class<?> t = type; t != null; t = t.getSuperclass()) {
            for (Class<?> i : t.getInterfaces()) {
                Class<?> found = i.getName().equals(name) ? i : interfaceOf(i, name);
                if (found != null) {
                    return found;
                }
            }
        }
        return null;
    }

    @Override
    Class<?> resolve(String name) {
        try {
            return name.startsWith("java.") || classes.stubs.contains(name) ? Class.forName(name, true, classes) : null;
        } catch (ClassNotFoundException | LinkageError error) {
            return null;
        }
    }

    @Override
    Object encodeObject(Object value) {
        List<?> data = (List<?>) super.encodeObject(value);
        boolean known = data.get(0).equals("o") || value instanceof Opaque || value instanceof Throwable;
        if (!known && value.getClass().getInterfaces().length == 0) {
            throw new Unsupported("the test file passes the program an object of class " + value.getClass().getName());
        }
        return data;
    }

    @Override
    Object standIn(List<?> names) {
        Set<Class<?>> interfaces = new HashSet<>();
        for (Object name : names) {
            Class<?> type = classes.stubs.contains(name) || isAsked((String) name) ? resolve((String) name) : null;
            if (type != null && type.isInterface()) {
                interfaces.add(type);
            } else if (type != null) {
                return made(type);
            }
        }
        return interfaces.isEmpty() ? new Opaque(names.isEmpty() ? "java.lang.Object" : (String) names.get(0)) : proxy(List.copyOf(interfaces), classes);
    }

    private static boolean isAsked(String name) {
        return name.startsWith("java.util.function.") || ASKED.contains(name);
    }

    private static Object made(Class<?> stub) {
        try {
            Constructor<?> constructor = stub.getDeclaredConstructor(Made.class);
            constructor.setAccessible(true);
            return constructor.newInstance((Object) null);
        } catch (ReflectiveOperationException error) {
            return new Opaque(stub.getName());
        }
    }

    /** An exception of the program's as the nearest of its classes that exists here. */
    @Override
    Throwable thrown(Map<?, ?> description) {
        String message = (String) description.get("message");
        Throwable error = new RuntimeException(message);
        List<?> names = description.get("thrown") instanceof List<?> data && data.size() >= 3 ? (List<?>) data.get(2) : List.of();
        for (Object name : names) {
            Class<?> type = resolve((String) name);
            if (type != null && Throwable.class.isAssignableFrom(type)
                    && as(type, message, (List<?>) description.get("thrown")) instanceof Throwable made) {
                error = made;
                break;
            }
        }
        raised.put(error, description);
        if (description.get("thrown") instanceof List<?> data && data.size() > 3 && error.getCause() == null) {
            try {
                error.initCause(thrown((Map<?, ?>) data.get(3)));
            } catch (IllegalStateException itHasNone) {
                return error;
            }
        }
        return error;
    }

    private Object as(Class<?> type, String message, List<?> data) {
        if (classes.stubs.contains(type.getName())) {
            return decodeObject(data);
        }
        try {
            return type.getConstructor(String.class).newInstance(message);
        } catch (ReflectiveOperationException noMessage) {
            try {
                return type.getConstructor().newInstance();
            } catch (ReflectiveOperationException error) {
                return null;
            }
        }
    }

    /** The classes of one test file, and of the stand-ins for the program's. */
    private static final class TestClasses extends ClassLoader {
        private final Map<String, byte[]> bytes = new HashMap<>();
        private final Set<?> stubs;
        private final Set<?> named;

        TestClasses(Map<?, ?> request) {
            super(Judge.class.getClassLoader());
            ((Map<?, ?>) request.get("classes")).forEach(
                    (name, data) -> bytes.put((String) name, Base64.getDecoder().decode((String) data)));
            stubs = new HashSet<>((List<?>) request.get("stubs"));
            named = new HashSet<>((List<?>) request.get("named"));
            setDefaultAssertionStatus(true);
        }

        /** Its own come first, whatever else could be found. */
        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                boolean isNew = bytes.containsKey(name) && findLoadedClass(name) == null;
                return isNew ? findClass(name) : super.loadClass(name, resolve);
            }
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            byte[] data = bytes.get(name);
            if (data == null) {
                throw new ClassNotFoundException(name);
            }
            return defineClass(name, data, 0, data.length);
        }
    }
}
