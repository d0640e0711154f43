namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>The program whose symbols are compared.</summary>
internal static class SampleSource
{
    public const string Cpp = """
        typedef unsigned long ULONG; typedef unsigned char UCHAR; typedef unsigned long long ULONG64;
        struct _LIST_ENTRY { _LIST_ENTRY *Flink; _LIST_ENTRY *Blink; };
        enum _KWAIT_REASON { Executive, FreePage, Negative = -5, WrLast = 0x7fff };
        struct _Never;
        struct _HEADER {
          union { volatile long Lock; 
            struct { UCHAR Type; UCHAR Signalling : 1; UCHAR DebugActive : 7; UCHAR Size[2]; }; };
          long SignalState; _LIST_ENTRY WaitListHead;
        };
        struct _DEEP {
          struct { int A; struct { short B; short C; } Inner; } u1;
          union { ULONG64 Whole; struct { ULONG64 Low : 20; ULONG64 High : 44; } s; } u2;
          struct { char First[3]; } u3;
        };
        struct _Later;
        struct _THREAD {
          _HEADER Header; _KWAIT_REASON Reason; void *Stack[4]; volatile ULONG Flags[2][3]; _Later *Later;
          _Never *Never; int (*Callback)(int, void *); double D; float F; wchar_t W[16]; bool B; long long Q;
          unsigned short H; signed char SC; char C; _DEEP Deep; _LIST_ENTRY Entries[3];
          static int Counter; int Alone : 3;
        };
        struct _Later { _THREAD *Owner; int Tag; };
        int _THREAD::Counter = 7;
        struct Base1 { int B1; virtual void V(); virtual ~Base1(); };
        struct Base2 { long long B2; };
        void Base1::V() {}
        Base1::~Base1() {}
        void operator delete(void *, unsigned long long) {}
        class Derived : public Base1, public Base2 {
        public:
          int D1; Derived(int); void V() override; int Method(int) const; static int Static(char); operator int();
          template <typename T, int N> T Make(T t) { return t + N; }
          Derived &operator+=(int);
          struct Nested { int N1; enum Kind { One = 1, Two } K; };
          Nested Inner;
        };
        namespace ns { namespace inner {
          template <typename T, int N> struct Box { T Items[N]; T Get(int i) { return Items[i]; } };
          template struct Box<int, 4>;
          template struct Box<Derived *, -2 + 5>;
          int Variable = 3; static int Hidden(int x) { static int calls; return calls += x; }
          int Visible(int x) { return Hidden(x) + Hidden(2); }
        } }
        namespace { int Anonymous(int x) { return x * 3; } }
        Derived::Derived(int x) : D1(x) {}
        void Derived::V() {}
        int Derived::Method(int x) const { return D1 + x; }
        int Derived::Static(char c) { return c; }
        Derived::operator int() { return D1; }
        Derived &Derived::operator+=(int x) { D1 += x; return *this; }
        extern "C" { int _fltused; int GlobalData = 5; const int ReadOnly[4] = {1,2,3,4}; static int FileStatic = 9;
          void *memset(void *p, int c, unsigned long long n) {
            for (char *q = (char *)p; n--; ) *q++ = (char)c; return p; } }
        _THREAD Thread; _Later Later; _KWAIT_REASON Reason; Derived *Object; Derived::Nested NestedObject;
        extern "C" int FromC(int);
        extern "C" void __std_terminate() {} extern "C" int _purecall() { return 0; }
        int (*const *Table)(int);
        extern "C" void Start() {
          Derived d(3); d += 2; Object = &d; NestedObject.K = Derived::Nested::Two;
          ns::inner::Box<int, 4> box = {}; ns::inner::Box<Derived *, 3> other = {};
          FileStatic = d.Make<int, 5>(1) + d.Make<long long, -7>(2) + (int)d + d.Method(1) + Derived::Static('a')
            + ns::inner::Visible(1) + Anonymous(2) + FromC(GlobalData) + box.Get(1) + (other.Get(0) != 0) + ReadOnly[1];
        }
        """;

    public const string C = """
        struct _CONLY { struct { int X; } u1; union { int Y; float Z; } u2; struct { char P; }; };
        struct _CONLY Only;
        static int Hidden(int x) { return x ^ 5; }
        static int Second(int x) { return x ^ 6; }
        int FromC(int x) { return Hidden(x) + Second(x) + Only.u1.X; }
        """;
}
