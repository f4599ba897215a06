//! The pickle of an archive: which tensors there are, and where their bytes lie.
//!
//! A pickle is a program; nothing of it is run here. The few instructions that build containers and tensors
//! are followed, every value is kept once and referred to by its number, and what is of no use becomes
//! [`Node::Other`], so memory stays proportional to the pickle, whatever it says.

use super::{Error, Float, View, fail};
use std::collections::{BTreeMap, HashMap};

/// Tensors have at most this many dimensions.
const MAX_RANK: usize = 8;
/// Dictionaries and objects are nested at most this deep.
const MAX_DEPTH: usize = 32;
/// The name of a tensor, with all dictionaries on the way to it, has at most this many bytes.
const MAX_NAME_BYTES: usize = 1000;
/// At most this many entries of dictionaries are looked at.
const MAX_ENTRIES: usize = 200_000;

/// All tensors below the dictionary or object that a pickle makes, by their dotted names.
pub(super) fn tensors(pickle: &[u8]) -> Result<BTreeMap<String, View<'_>>, Error> {
    Pickle::read(pickle)?.0.tensors()
}

/// What a pickle made.
pub(super) struct Pickle<'p> {
    machine: Machine<'p>,
    root: Id,
}

impl<'p> Pickle<'p> {
    /// Follows the pickle that `bytes` begin with, and returns what comes after it.
    pub(super) fn read(bytes: &'p [u8]) -> Result<(Self, &'p [u8]), Error> {
        let mut machine = Machine::new(bytes);
        let root = machine.run()?;
        let rest = &bytes[machine.position..];
        Ok((Self { machine, root }, rest))
    }

    /// All tensors below it, by their dotted names.
    pub(super) fn tensors(&self) -> Result<BTreeMap<String, View<'p>>, Error> {
        let mut tensors = BTreeMap::new();
        self.machine.walk(self.root, &mut vec![], &mut 0, &mut tensors)?;
        Ok(tensors)
    }

    /// PyTorch's names for the types of all storages that it mentions, by the storages' names.
    pub(super) fn storages(&self) -> BTreeMap<&'p str, &'p str> {
        let storage = |node: &Node<'p>| match *node {
            Node::Storage { dtype, key } => Some((key, dtype)),
            _ => None,
        };
        self.machine.nodes.iter().filter_map(storage).collect()
    }

    /// Its texts, if it is a list of texts.
    pub(super) fn texts(&self) -> Option<Vec<&'p str>> {
        let Node::List(items) = &self.machine.nodes[self.root] else {
            return None;
        };
        let text = |&id: &Id| match self.machine.nodes[id] {
            Node::Text(text) => Some(text),
            _ => None,
        };
        items.iter().map(text).collect()
    }
}

/// Number of a value.
type Id = usize;

/// A value of the pickle.
enum Node<'p> {
    /// Of no use here, or not understood.
    Other,
    Mark,
    Int(u64),
    Text(&'p str),
    Class(&'p str, &'p str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// An object of any class; its attributes are a dictionary.
    Object(Option<Id>),
    Storage {
        dtype: &'p str,
        key: &'p str,
    },
    Tensor(View<'p>),
}

/// What a pickle is a program for.
struct Machine<'p> {
    pickle: &'p [u8],
    position: usize,
    nodes: Vec<Node<'p>>,
    stack: Vec<Id>,
    memo: HashMap<u32, Id>,
}

impl<'p> Machine<'p> {
    fn new(pickle: &'p [u8]) -> Self {
        Self {
            pickle,
            position: 0,
            nodes: vec![],
            stack: vec![],
            memo: HashMap::new(),
        }
    }

    fn wrong(&self, problem: &str) -> Error {
        fail(format!(
            "is damaged: its pickle {problem} at byte {}",
            self.position
        ))
    }

    fn take(&mut self, count: usize) -> Result<&'p [u8], Error> {
        let taken = self.pickle[self.position..].get(..count);
        let taken = taken.ok_or_else(|| self.wrong("ends too early"))?;
        self.position += count;
        Ok(taken)
    }

    /// The next `N` bytes as a number, the lowest first.
    fn number<const N: usize>(&mut self) -> Result<u32, Error> {
        let bytes = self.take(N)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    fn text(&mut self, bytes: &'p [u8]) -> Result<&'p str, Error> {
        std::str::from_utf8(bytes).map_err(|_| self.wrong("has a text that is none"))
    }

    fn line(&mut self) -> Result<&'p str, Error> {
        let length = self.pickle[self.position..]
            .iter()
            .position(|&byte| byte == b'\n');
        let line = self.take(length.ok_or_else(|| self.wrong("ends too early"))?)?;
        self.position += 1;
        self.text(line)
    }

    fn push(&mut self, node: Node<'p>) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<Id, Error> {
        self.stack
            .pop()
            .ok_or_else(|| self.wrong("takes a value where there is none"))
    }

    fn top(&self) -> Result<Id, Error> {
        self.stack
            .last()
            .copied()
            .ok_or_else(|| self.wrong("needs a value where there is none"))
    }

    /// The values down to the last mark, in order.
    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Error> {
        let mark = self
            .stack
            .iter()
            .rposition(|&id| matches!(self.nodes[id], Node::Mark));
        let mark = mark.ok_or_else(|| self.wrong("takes a list where there is none"))?;
        let values = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(values)
    }

    /// Puts keys and values, which alternate, into the dictionary on top.
    fn set_items(&mut self, items: &[Id]) -> Result<(), Error> {
        let top = self.top()?;
        if let Node::Dict(entries) = &mut self.nodes[top] {
            entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        }
        Ok(())
    }

    /// Puts `items` at the end of the list on top.
    fn append(&mut self, items: Vec<Id>) -> Result<(), Error> {
        let top = self.top()?;
        if let Node::List(list) = &mut self.nodes[top] {
            list.extend(items);
        }
        Ok(())
    }

    fn pop_tuple(&mut self, count: usize) -> Result<(), Error> {
        let start = self.stack.len().checked_sub(count);
        let start = start.ok_or_else(|| self.wrong("takes values where there are none"))?;
        let values = self.stack.split_off(start);
        self.push(Node::Tuple(values));
        Ok(())
    }

    /// Follows the pickle to its end and returns what it makes.
    fn run(&mut self) -> Result<Id, Error> {
        loop {
            match self.take(1)?[0] {
                b'.' => return self.pop(),
                // The protocol's version.
                0x80 => drop(self.take(1)?),
                b'(' => self.push(Node::Mark),
                b'}' => self.push(Node::Dict(vec![])),
                b')' => self.push(Node::Tuple(vec![])),
                b']' => self.push(Node::List(vec![])),
                b'N' | 0x88 | 0x89 => self.push(Node::Other),
                b'K' => self.int::<1>()?,
                b'M' => self.int::<2>()?,
                b'J' => self.int::<4>()?,
                0x8a => {
                    let length = self.number::<1>()? as usize;
                    let bytes = self.take(length)?;
                    self.push(
                        match bytes.len() <= 8 && bytes.last().is_none_or(|&top| top < 0x80) {
                            true => Node::Int(
                                bytes
                                    .iter()
                                    .rev()
                                    .fold(0, |int, &byte| int << 8 | u64::from(byte)),
                            ),
                            false => Node::Other,
                        },
                    );
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Node::Other);
                }
                b'X' => {
                    let length = self.number::<4>()? as usize;
                    let bytes = self.take(length)?;
                    let text = self.text(bytes)?;
                    self.push(Node::Text(text));
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Node::Class(module, name));
                }
                b'q' => self.remember::<1>()?,
                b'r' => self.remember::<4>()?,
                b'h' => self.recall::<1>()?,
                b'j' => self.recall::<4>()?,
                b't' => {
                    let values = self.pop_to_mark()?;
                    self.push(Node::Tuple(values));
                }
                0x85 => self.pop_tuple(1)?,
                0x86 => self.pop_tuple(2)?,
                0x87 => self.pop_tuple(3)?,
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                // A new object, of a class and arguments that do not matter.
                0x81 => {
                    self.pop()?;
                    self.pop()?;
                    self.push(Node::Object(None));
                }
                // Gives an object its attributes. Those of a dictionary are no entries of it.
                b'b' => {
                    let state = self.pop()?;
                    let object = self.top()?;
                    if let Node::Object(attributes) = &mut self.nodes[object] {
                        *attributes = Some(state);
                    }
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id).unwrap_or(Node::Other);
                    self.push(storage);
                }
                b'R' => self.call()?,
                other => {
                    self.position -= 1;
                    return Err(self.wrong(&format!(
                        "has the instruction {other:#04x}, which is unknown here"
                    )));
                }
            }
        }
    }

    fn int<const N: usize>(&mut self) -> Result<(), Error> {
        let number = self.number::<N>()?;
        // Four bytes are signed; nothing that matters is negative.
        self.push(if number > i32::MAX as u32 {
            Node::Other
        } else {
            Node::Int(number.into())
        });
        Ok(())
    }

    fn remember<const N: usize>(&mut self) -> Result<(), Error> {
        let slot = self.number::<N>()?;
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall<const N: usize>(&mut self) -> Result<(), Error> {
        let slot = self.number::<N>()?;
        let id = self.memo.get(&slot).copied();
        self.stack
            .push(id.ok_or_else(|| self.wrong("refers to a value that it never made"))?);
        Ok(())
    }

    fn tuple(&self, id: Id) -> Option<&[Id]> {
        match &self.nodes[id] {
            Node::Tuple(values) => Some(values),
            _ => None,
        }
    }

    /// `("storage", class, key, device, count)`, in the old format followed by what part of another storage
    /// it is.
    fn storage(&self, id: Id) -> Option<Node<'p>> {
        let &[_, class, key, ref rest @ ..] = self.tuple(id)? else {
            return None;
        };
        if rest.iter().any(|&id| matches!(self.nodes[id], Node::Tuple(_))) {
            return None;
        }
        match (&self.nodes[class], &self.nodes[key]) {
            (&Node::Class(_, dtype), &Node::Text(key)) => Some(Node::Storage { dtype, key }),
            _ => None,
        }
    }

    /// Calls the few functions that matter; what others would return is of no use.
    fn call(&mut self) -> Result<(), Error> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        match self.nodes[function] {
            Node::Class("collections", "OrderedDict") => self.push(Node::Dict(vec![])),
            Node::Class("torch._utils", "_rebuild_tensor_v2") => {
                let view = self.view(arguments);
                let view =
                    view.ok_or_else(|| self.wrong("describes a tensor in a way that is unknown here"))?;
                self.push(Node::Tensor(view));
            }
            // A parameter is the tensor that is its first argument.
            Node::Class("torch._utils", "_rebuild_parameter") => {
                let tensor = self
                    .tuple(arguments)
                    .and_then(|arguments| arguments.first().copied());
                self.stack
                    .push(tensor.ok_or_else(|| self.wrong("has a parameter without a tensor"))?);
            }
            _ => self.push(Node::Other),
        }
        Ok(())
    }

    /// `(storage, offset, shape, strides, ...)`.
    fn view(&self, arguments: Id) -> Option<View<'p>> {
        let &[storage, offset, shape, strides, ..] = self.tuple(arguments)? else {
            return None;
        };
        let int = |id: Id| match self.nodes[id] {
            Node::Int(int) => usize::try_from(int).ok(),
            _ => None,
        };
        let ints = |id: Id| {
            let ints = self.tuple(id).filter(|ints| ints.len() <= MAX_RANK)?;
            ints.iter().map(|&id| int(id)).collect::<Option<Vec<_>>>()
        };
        let Node::Storage { dtype, key } = self.nodes[storage] else {
            return None;
        };
        let (shape, strides) = (ints(shape)?, ints(strides)?);
        (shape.len() == strides.len()).then_some(View {
            dtype,
            float: match dtype {
                "HalfStorage" => Some(Float::F16),
                "BFloat16Storage" => Some(Float::BF16),
                "FloatStorage" => Some(Float::F32),
                "DoubleStorage" => Some(Float::F64),
                _ => None,
            },
            key,
            offset: int(offset)?,
            shape,
            strides,
        })
    }

    /// All tensors below a dictionary or an object, by their dotted names.
    fn walk(
        &self,
        id: Id,
        path: &mut Vec<&'p str>,
        entries: &mut usize,
        tensors: &mut BTreeMap<String, View<'p>>,
    ) -> Result<(), Error> {
        let items = match &self.nodes[id] {
            Node::Tensor(view) => {
                tensors.insert(path.join("."), view.clone());
                return Ok(());
            }
            &Node::Object(Some(attributes)) => match &self.nodes[attributes] {
                Node::Dict(items) => items,
                _ => return Ok(()),
            },
            Node::Dict(items) => items,
            _ => return Ok(()),
        };
        for &(key, value) in items {
            // One value may hang at many places, so their number is not bounded by the file.
            *entries += 1;
            if *entries > MAX_ENTRIES || path.len() >= MAX_DEPTH {
                return Err(fail(
                    "nests its tensors deeper, or holds more entries, than any network does",
                ));
            }
            if let Node::Text(key) = self.nodes[key] {
                path.push(key);
                // One long key may stand before every name.
                if path.iter().map(|key| key.len() + 1).sum::<usize>() > MAX_NAME_BYTES {
                    return Err(fail(format!(
                        "has a tensor whose name takes more than {MAX_NAME_BYTES} bytes"
                    )));
                }
                self.walk(value, path, entries, tensors)?;
                path.pop();
            }
        }
        Ok(())
    }
}
