"""Terms of LLM serving: names (the first is the canonical one) | meaning, as a predicate."""

_TABLE = """
the KV cache;KV cache;key-value cache|stores the attention keys and values of past tokens, so that they are not computed again for every new token
prefill;the prefill phase|is the first phase of a request: the whole prompt is computed at once and fills the KV cache
decode;the decode phase;decoding|is the second phase of a request: each step produces one new token for every running sequence
TTFT;time to first token|is the time to first token: from the arrival of a request to its first output token
TPOT;time per output token|is the time per output token: the average time between tokens after the first one
ITL;inter-token latency|is the inter-token latency: the gap between two neighbouring output tokens
throughput;serving throughput|is the number of tokens that a server produces per second over all requests
latency;request latency|is the time that one request takes from arrival to its last token
goodput|is the rate of requests that finish within their latency targets
an SLO;SLO;a service level objective|is a service level objective: a target such as a TTFT under 200 ms
continuous batching;in-flight batching|adds new sequences to the batch at every step and removes finished ones, so that no slot stays empty
static batching|runs a fixed batch until its longest sequence ends, which leaves finished slots idle
dynamic batching|waits a short time to collect several requests and runs them as one batch
chunked prefill|splits a long prompt into pieces that share steps with decoding sequences, so that nobody waits for long
paged attention;PagedAttention|keeps the KV cache in small blocks found through a block table, like pages of virtual memory
a block table;block table|lists the KV blocks of a sequence in order
a KV block;KV block;a cache block|is a fixed run of token slots in the KV cache
prefix caching;a prefix cache;prompt caching|keeps the KV blocks of earlier prompts, so that a prompt with the same beginning skips that part of prefill
copy-on-write;copy on write|shares a block between sequences and copies it only when one of them writes
preemption;preempting a sequence|takes the blocks of a running sequence back and queues it again when memory runs out
speculative decoding;speculative sampling|lets a cheap draft guess several tokens, which the large model then checks in one step
a draft model;draft model|is the small model that guesses tokens in speculative decoding
quantisation;quantization;weight quantization|stores weights with fewer bits, such as 8 or 4, to save memory and bandwidth
Q8_0|is a GGUF type with blocks of 32 weights of 8 bits and one scale per block
BF16;bfloat16|is a 16-bit floating-point type with 8 bits of exponent, as many as float32
FP16;float16;half precision|is a 16-bit floating-point type with 5 bits of exponent and 10 bits of fraction
GGUF;a GGUF file|is a single-file model format that holds metadata, the tokenizer and often quantised weights
safetensors;the safetensors format|is a simple file format for tensors: a JSON header and then raw data that can be memory-mapped
tensor parallelism;tensor parallel|splits each layer's matrices over several devices, which exchange partial results
pipeline parallelism;pipeline parallel|gives each device a run of layers and passes activations from one to the next
data parallelism;data parallel serving|runs full copies of a model and divides the requests among them
expert parallelism|places different experts of a mixture-of-experts model on different devices
a mixture of experts;mixture of experts;MoE|is a model in which a router sends each token to a few of many expert networks
attention;self-attention;the attention mechanism|lets each token gather information from earlier tokens, weighted by how well queries match keys
multi-head attention;MHA|runs several attention heads side by side, each with its own queries, keys and values
grouped-query attention;GQA|lets several query heads share one key-value head, which makes the KV cache smaller
multi-query attention;MQA|uses a single key-value head for all query heads
flash attention;FlashAttention|computes attention tile by tile with an online softmax, without storing the full score matrix
online softmax|computes a softmax in one pass by rescaling the running sum whenever the maximum grows
RoPE;rotary position embedding;rotary embeddings|rotates queries and keys by angles that depend on position, so that scores depend on distance
RMSNorm;RMS normalisation|divides a vector by its root mean square and multiplies it by learned weights
SwiGLU|is a feed-forward layer that multiplies a SiLU-gated projection by a second projection
a transformer;transformer;the transformer architecture|is a neural network of layers that alternate attention and feed-forward blocks
a token;token;tokens|is a piece of text, often a word or part of one, that the model reads and writes as a number
a tokenizer;tokenizer|turns text into token numbers and back
BPE;byte-pair encoding|is byte-pair encoding: a tokenizer that merges frequent pairs of symbols step by step
an embedding;embedding;embeddings|is a vector of numbers that stands for a token
a logit;logit;logits|is the raw score of a token before softmax turns scores into probabilities
softmax;the softmax function|turns scores into positive numbers that sum to one
temperature;sampling temperature|divides the logits before sampling: low values make the output safer, high values make it more varied
top-k;top-k sampling|samples only from the k most likely tokens
top-p;nucleus sampling;top-p sampling|samples only from the smallest set of tokens whose probabilities sum to at least p
min-p;min-p sampling|drops tokens whose probability is below p times that of the likeliest token
greedy decoding;greedy sampling|always takes the most likely token
beam search|keeps the few best partial outputs at each step instead of one
a repetition penalty;repetition penalty|lowers the scores of tokens that already occurred, so that the model repeats itself less
a stop string;stop string;stop strings|is a text that ends the answer as soon as the model writes it
an EOS token;EOS;EOS token|is the end-of-sequence token, with which the model ends its answer
a context window;context window;context length|is the largest number of tokens that a model can look at in one request
a chat template;chat template|turns a list of chat messages into the exact prompt that the model was trained on
a system prompt;system prompt|is an instruction at the start of a chat that sets how the assistant behaves
SSE;server-sent events|are server-sent events: a way to stream tokens to a client over one HTTP response
LoRA;low-rank adaptation|adapts a model by training small low-rank matrices beside its frozen weights
fine-tuning;finetuning|continues the training of a model on data for a particular task
distillation;knowledge distillation|trains a small model to imitate the outputs of a larger one
perplexity|measures how surprised a model is by a text: lower is better
CUDA graphs;a CUDA graph|record a series of GPU kernels once and replay it with one launch
a scheduler;the scheduler;scheduler|decides which sequences run in the next step and how many tokens each one gets
a device map;device map|says which layers of a model run on which device
disaggregated serving;prefill-decode disaggregation|runs prefill and decode on different machines, so that they do not disturb each other
an inference server;inference server|loads a model and answers requests for its output over a network
head-of-line blocking|means that short requests wait behind a long one at the front of the queue
arithmetic intensity|is the number of operations per byte of memory traffic
memory bandwidth|is the number of bytes per second that a device can read from its memory, and it limits decoding
the roofline model;roofline model|bounds the speed of a program by computing power and by memory bandwidth
structured output;constrained decoding;guided decoding|masks tokens during sampling so that the output follows a grammar or a JSON schema
tool calling;function calling|lets a model ask the program to run a function and then use its result
a large language model;LLM;large language model;an LLM|is a neural network trained to predict the next token of text
"""


def _row(line):
    names, meaning = line.split("|")
    return names.split(";"), meaning


TERMS = [_row(line) for line in _TABLE.strip().splitlines()]
