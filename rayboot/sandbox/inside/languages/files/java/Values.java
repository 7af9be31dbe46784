package rayboot;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalAmount;
import java.util.AbstractMap;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Date;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/**
 * Values as JSON, in both directions. Plain data crosses as copies, of genuine classes of the JDK: so code of the program
 * (a list of its own, an equals that says yes, a comparator) never takes part in a comparison on the other side.
 * What is not plain data is left to `encodeObject` and `decodeObject`.
 */
abstract class Values {
    private static final int MAX_DEPTH = 200;
    private static final Map<String, Class<?>> PRIMITIVES = new HashMap<>();
    private static final String FIXED = "fixed";
    private static final String UNMODIFIABLE = "unmodifiable";
    private static final Set<Class<?>> NATURAL = Set.of(
            Boolean.class, Character.class, Byte.class, Short.class, Integer.class, Long.class, Float.class,
            Double.class, String.class, BigInteger.class, BigDecimal.class);

    static {
        for (Class<?> c : List.of(boolean.class, char.class, byte.class, short.class, int.class, long.class,
                float.class, double.class)) {
            PRIMITIVES.put(c.getName(), c);
        }
    }

    /** A class of the JDK, or one of the program's that both sides know. Null: not known here. */
    abstract Class<?> resolve(String name);

    abstract Object encodeObject(Object value);

    abstract Object decodeObject(List<?> data);

    Object encode(Object value) {
        return encode(value, 0);
    }

    private Object encode(Object value, int depth) {
        if (value == null || value instanceof Boolean || value instanceof String) {
            return value;
        }
        if (value instanceof Integer number) {
            return number.longValue();
        }
        if (depth > MAX_DEPTH) {
            return encodeObject(value);
        }
        Class<?> type = value.getClass();
        if (type.isArray()) {
            return tagged("[", type.getComponentType().getTypeName(), encodeAll(new Elements(value), depth));
        }
        if (type.isRecord() && resolve(type.getName()) == type) {
            return tagged("r", type.getName(), encodeAll(components(value), depth));
        }
        if (value instanceof Enum<?> constant) {
            return List.of("e", constant.getDeclaringClass().getName(), constant.name());
        }
        if (value instanceof List<?> || value instanceof Deque<?> || value instanceof Set<?> || value instanceof Queue<?>
                || value.getClass().getName().startsWith("java.util.") && value instanceof Collection<?>) {
            return encodeCollection((Collection<?>) value, depth);
        }
        if (value instanceof Map<?, ?> map) {
            String order = map instanceof SortedMap<?, ?> sorted ? order(sorted.comparator(), map.keySet()) : "";
            List<Object> data = tagged("m", kind(map), new ArrayList<>(List.of(order)));
            map.forEach((key, item) -> data.addAll(Arrays.asList(encode(key, depth + 1), encode(item, depth + 1))));
            return data;
        }
        if (value instanceof Map.Entry<?, ?> entry) {
            return Arrays.asList("E", encode(entry.getKey(), depth + 1), encode(entry.getValue(), depth + 1));
        }
        if (value instanceof Optional<?> optional) {
            return Arrays.asList("O", optional.isPresent(), encode(optional.orElse(null), depth + 1));
        }
        Object scalar = encodeScalar(value);
        return scalar != null ? scalar : encodeObject(value);
    }

    private Object encodeCollection(Collection<?> items, int depth) {
        String order = items instanceof SortedSet<?> sorted ? order(sorted.comparator(), items) : "";
        Collection<?> inOrder = items;
        if (items instanceof PriorityQueue<?> queue) { // in the order in which they will be taken
            order = order(queue.comparator(), items);
            PriorityQueue<?> copy = new PriorityQueue<>(queue);
            List<Object> taken = new ArrayList<>();
            while (!copy.isEmpty()) {
                taken.add(copy.poll());
            }
            inOrder = taken;
        }
        List<Object> data = tagged(items instanceof Set ? "s" : "l", kind(items), List.of(order));
        data.addAll(encodeAll(inOrder, depth));
        return data;
    }

    private static Object encodeScalar(Object value) {
        if (value instanceof Character c) {
            return List.of("C", (long) c);
        }
        if (value instanceof Long || value instanceof Short || value instanceof Byte || value instanceof Double
                || value instanceof Float || value.getClass() == BigInteger.class || value.getClass() == BigDecimal.class) {
            return List.of(value.getClass().getSimpleName(), value.toString());
        }
        if (value instanceof StringBuilder || value instanceof StringBuffer) {
            return List.of(value.getClass().getSimpleName(), value.toString());
        }
        if (value instanceof AtomicInteger || value instanceof AtomicLong) {
            return List.of(value.getClass().getSimpleName(), value.toString());
        }
        if (value instanceof OptionalInt o) {
            return o.isPresent() ? List.of("OI", String.valueOf(o.getAsInt())) : List.of("OI");
        }
        if (value instanceof OptionalLong o) {
            return o.isPresent() ? List.of("OL", String.valueOf(o.getAsLong())) : List.of("OL");
        }
        if (value instanceof OptionalDouble o) {
            return o.isPresent() ? List.of("OD", String.valueOf(o.getAsDouble())) : List.of("OD");
        }
        if (value.getClass() == Date.class) {
            return List.of("Date", String.valueOf(((Date) value).getTime()));
        }
        boolean time = value instanceof TemporalAccessor || value instanceof TemporalAmount;
        if (value instanceof UUID || time && value.getClass().getName().startsWith("java.time.")) {
            return List.of("p", value.getClass().getName(), value.toString());
        }
        return null;
    }

    /** What encoded values look like to feedback. */
    static String shown(List<?> data) {
        return data.stream().map(Values::shown).collect(Collectors.joining(", "));
    }

    private static String shown(Object data) {
        if (data instanceof String text) {
            return '"' + text + '"';
        }
        if (!(data instanceof List<?> parts)) {
            return String.valueOf(data);
        }
        return switch (String.valueOf(parts.get(0))) {
            case "[" -> "[" + shown(parts.subList(2, parts.size())) + "]";
            case "l", "s" -> "[" + shown(parts.subList(3, parts.size())) + "]";
            case "m" -> "{" + shown(parts.subList(3, parts.size())) + "}";
            case "r" -> text(parts, 1) + "[" + shown(parts.subList(2, parts.size())) + "]";
            case "C" -> "'" + (char) (long) (Long) parts.get(1) + "'";
            case "E", "O" -> shown(parts.subList(1, parts.size()));
            case "h", "o" -> "an object";
            default -> String.valueOf(parts.get(parts.size() - 1));
        };
    }

    Object decode(Object data) {
        if (data == null || data instanceof Boolean || data instanceof String) {
            return data;
        }
        if (data instanceof Long number) {
            return Math.toIntExact(number);
        }
        List<?> parts = (List<?>) data;
        String tag = (String) parts.get(0);
        return switch (tag) {
            case "[" -> decodeArray(parts);
            case "l" -> collection(parts, ArrayList.class, List.class);
            case "s" -> collection(parts, LinkedHashSet.class, Set.class);
            case "m" -> map(parts);
            case "r" -> decodeRecord(parts);
            case "e" -> decodeEnum(parts);
            case "E" -> new AbstractMap.SimpleEntry<>(decode(parts.get(1)), decode(parts.get(2)));
            case "O" -> (Boolean) parts.get(1) ? Optional.of(decode(parts.get(2))) : Optional.empty();
            case "C" -> (char) Math.toIntExact((Long) parts.get(1));
            case "p" -> parse(text(parts, 1), text(parts, 2));
            default -> {
                String text = parts.size() == 2 && parts.get(1) instanceof String only ? only : null;
                Object scalar = text == null && !tag.startsWith("O") ? null : decodeScalar(tag, text);
                yield scalar != null ? scalar : decodeObject(parts);
            }
        };
    }

    private static Object decodeScalar(String tag, String text) {
        return switch (tag) {
            case "Long" -> Long.valueOf(text);
            case "Short" -> Short.valueOf(text);
            case "Byte" -> Byte.valueOf(text);
            case "Double" -> Double.valueOf(text);
            case "Float" -> Float.valueOf(text);
            case "BigInteger" -> new BigInteger(text);
            case "BigDecimal" -> new BigDecimal(text);
            case "StringBuilder" -> new StringBuilder(text);
            case "StringBuffer" -> new StringBuffer(text);
            case "AtomicInteger" -> new AtomicInteger(Integer.parseInt(text));
            case "AtomicLong" -> new AtomicLong(Long.parseLong(text));
            case "OI" -> text == null ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(text));
            case "OL" -> text == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(text));
            case "OD" -> text == null ? OptionalDouble.empty() : OptionalDouble.of(Double.parseDouble(text));
            case "Date" -> new Date(Long.parseLong(text));
            default -> null;
        };
    }

    /** Let a test see what a program has done to an argument. */
    static void replaceContents(Object target, Object source) {
        if (target == null || source == null || target.equals(source)) {
            return;
        }
        if (target.getClass().isArray() && target.getClass() == source.getClass()) {
            for (int i = 0; i < Math.min(Array.getLength(target), Array.getLength(source)); i++) {
                replaceElement(Array.get(target, i), Array.get(source, i), i, (at, item) -> Array.set(target, at, item));
            }
        } else if (target instanceof List<?> && source instanceof List<?> items) {
            @SuppressWarnings("unchecked")
            List<Object> list = (List<Object>) target;
            int common = Math.min(list.size(), items.size());
            for (int i = 0; i < common; i++) {
                replaceElement(list.get(i), items.get(i), i, list::set);
            }
            if (list.size() > common) {
                list.subList(common, list.size()).clear();
            }
            if (items.size() > common) {
                list.addAll(items.subList(common, items.size()));
            }
        } else if (target instanceof Collection<?> && source instanceof Collection<?> items) {
            @SuppressWarnings("unchecked")
            Collection<Object> collection = (Collection<Object>) target;
            collection.clear();
            collection.addAll(items);
        } else if (target instanceof Map<?, ?> && source instanceof Map<?, ?> entries) {
            @SuppressWarnings("unchecked")
            Map<Object, Object> map = (Map<Object, Object>) target;
            map.clear();
            map.putAll(entries);
        } else if (target instanceof StringBuilder builder) {
            builder.replace(0, builder.length(), source.toString());
        } else if (target instanceof StringBuffer buffer) {
            buffer.replace(0, buffer.length(), source.toString());
        } else if (target instanceof AtomicInteger number && source instanceof AtomicInteger now) {
            number.set(now.get());
        } else if (target instanceof AtomicLong number && source instanceof AtomicLong now) {
            number.set(now.get());
        } else if (target instanceof Date date && source instanceof Date now) {
            date.setTime(now.getTime());
        }
    }

    private interface Setter {
        void set(int at, Object item);
    }

    private static void replaceElement(Object before, Object now, int at, Setter setter) {
        boolean container = before instanceof Collection || before instanceof Map
                || before != null && before.getClass().isArray();
        if (container && now != null && before.getClass() == now.getClass()) {
            replaceContents(before, now);
        } else if (before == null ? now != null : !before.equals(now)) {
            setter.set(at, now);
        }
    }

    private static List<Object> tagged(String tag, String name, List<?> rest) {
        List<Object> data = new ArrayList<>(rest.size() + 2);
        data.add(tag);
        data.add(name);
        data.addAll(rest);
        return data;
    }

    private List<Object> encodeAll(Iterable<?> items, int depth) {
        List<Object> data = new ArrayList<>();
        for (Object item : items) {
            data.add(encode(item, depth + 1));
        }
        return data;
    }

    private List<Object> decodeFrom(List<?> parts, int start) {
        List<Object> items = new ArrayList<>(parts.size());
        for (Object part : parts.subList(start, parts.size())) {
            items.add(decode(part));
        }
        return items;
    }

    private static String text(List<?> parts, int at) {
        return (String) parts.get(at);
    }

    /** The class of the JDK that a collection is, or is built on. */
    private static String kind(Object value) {
        boolean sorted = value instanceof SortedSet || value instanceof SortedMap;
        String name = value.getClass().getName();
        if (name.equals("java.util.Arrays$ArrayList")) {
            return FIXED;
        }
        if (!sorted && name.matches("java\\.util\\.(ImmutableCollections|Collections)\\$.*")) {
            return UNMODIFIABLE;
        }
        for (Class<?> type = value.getClass(); type != null; type = type.getSuperclass()) {
            if (isCollection(type)) {
                return type.getName();
            }
        }
        return value instanceof Map ? (sorted ? "java.util.TreeMap" : "java.util.HashMap")
                : value instanceof Set ? (sorted ? "java.util.TreeSet" : "java.util.LinkedHashSet") : "java.util.ArrayList";
    }

    private static boolean isCollection(Class<?> type) {
        return type.getName().startsWith("java.util.")
                && Modifier.isPublic(type.getModifiers())
                && !Modifier.isAbstract(type.getModifiers())
                && Arrays.stream(type.getConstructors()).anyMatch(c -> c.getParameterCount() == 0);
    }

    /** How a sorted collection is sorted: naturally, in reverse, or as it comes. */
    private static String order(Comparator<?> comparator, Collection<?> items) {
        return comparator == null && isNatural(items) ? ""
                : comparator == Collections.reverseOrder() && isNatural(items) ? "reverse"
                : "given";
    }

    private static boolean isNatural(Collection<?> items) {
        Class<?> type = items.isEmpty() ? String.class : items.iterator().next().getClass();
        return NATURAL.contains(type) && items.stream().allMatch(item -> item.getClass() == type);
    }

    private static Comparator<Object> comparator(String order, List<Object> items) {
        if (!order.equals("given") && isNatural(items)) {
            return order.isEmpty() ? null : Collections.reverseOrder();
        }
        Map<Object, Integer> places = new HashMap<>();
        items.forEach(item -> places.putIfAbsent(item, places.size()));
        return Comparator.comparing(item -> places.getOrDefault(item, places.size()));
    }

    private Object decodeArray(List<?> parts) {
        List<Object> items = decodeFrom(parts, 2);
        Object array = Array.newInstance(component(text(parts, 1)), items.size());
        for (int i = 0; i < items.size(); i++) {
            Array.set(array, i, items.get(i));
        }
        return array;
    }

    private Class<?> component(String name) {
        if (name.endsWith("[]")) {
            return component(name.substring(0, name.length() - 2)).arrayType();
        }
        Class<?> type = PRIMITIVES.containsKey(name) ? PRIMITIVES.get(name) : resolve(name);
        return type == null ? Object.class : type;
    }

    private Object collection(List<?> parts, Class<?> otherwise, Class<?> wanted) {
        List<Object> items = decodeFrom(parts, 3);
        if (text(parts, 1).equals(FIXED)) {
            return Arrays.asList(items.toArray());
        }
        if (text(parts, 1).equals(UNMODIFIABLE)) {
            return wanted == Set.class
                    ? Collections.unmodifiableSet(new LinkedHashSet<>(items)) : Collections.unmodifiableList(items);
        }
        Comparator<Object> comparator = comparator(text(parts, 2), items);
        Collection<Object> collection = switch (text(parts, 1)) {
            case "java.util.TreeSet" -> new TreeSet<>(comparator);
            case "java.util.PriorityQueue" -> new PriorityQueue<>(comparator);
            default -> made(text(parts, 1), Collection.class, otherwise);
        };
        collection.addAll(items);
        return collection;
    }

    private Object map(List<?> parts) {
        List<Object> items = decodeFrom(parts, 3);
        List<Object> keys = new ArrayList<>();
        for (int i = 0; i < items.size(); i += 2) {
            keys.add(items.get(i));
        }
        String kind = text(parts, 1);
        Map<Object, Object> map = kind.equals("java.util.TreeMap")
                ? new TreeMap<>(comparator(text(parts, 2), keys))
                : made(kind, Map.class, LinkedHashMap.class);
        for (int i = 0; i < keys.size(); i++) {
            map.put(keys.get(i), items.get(2 * i + 1));
        }
        return kind.equals(UNMODIFIABLE) ? Collections.unmodifiableMap(map) : map;
    }

    @SuppressWarnings("unchecked")
    private static <T> T made(String name, Class<?> wanted, Class<?> otherwise) {
        try {
            Class<?> named = name.startsWith("java.util.") ? Class.forName(name, false, null) : otherwise;
            boolean fits = wanted.isAssignableFrom(named) && isCollection(named);
            return (T) (fits ? named : otherwise).getConstructor().newInstance();
        } catch (ReflectiveOperationException error) {
            throw new IllegalArgumentException(error);
        }
    }

    private static List<Object> components(Object record) {
        try {
            List<Object> values = new ArrayList<>();
            for (RecordComponent component : record.getClass().getRecordComponents()) {
                java.lang.reflect.Field field = record.getClass().getDeclaredField(component.getName());
                field.setAccessible(true);
                values.add(field.get(record));
            }
            return values;
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    private Object decodeRecord(List<?> parts) {
        Class<?> type = resolve(text(parts, 1));
        if (type == null || !type.isRecord()) {
            return decodeObject(List.of("x", text(parts, 1)));
        }
        Class<?>[] types = Arrays.stream(type.getRecordComponents()).map(RecordComponent::getType).toArray(Class[]::new);
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(decodeFrom(parts, 2).toArray());
        } catch (InvocationTargetException thrown) {
            throw Remote.sneaky(thrown.getCause());
        } catch (ReflectiveOperationException error) {
            throw new IllegalArgumentException(error);
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private Object decodeEnum(List<?> parts) {
        Class<?> type = resolve(text(parts, 1));
        return type != null && type.isEnum()
                ? Enum.valueOf((Class) type, text(parts, 2))
                : decodeObject(List.of("x", text(parts, 1)));
    }

    private Object parse(String name, String text) {
        try {
            if (name.equals("java.util.UUID")) {
                return UUID.fromString(text);
            }
            if (!name.startsWith("java.time.")) {
                throw new IllegalArgumentException(name);
            }
            return Class.forName(name, false, null).getMethod("parse", CharSequence.class).invoke(null, text);
        } catch (ReflectiveOperationException error) {
            return decodeObject(List.of("x", name));
        }
    }

    /** An array as a list. */
    private static final class Elements extends java.util.AbstractList<Object> {
        private final Object array;

        Elements(Object array) {
            this.array = array;
        }

        @Override
        public Object get(int index) {
            return Array.get(array, index);
        }

        @Override
        public int size() {
            return Array.getLength(array);
        }
    }
}
