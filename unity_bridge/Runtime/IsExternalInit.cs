namespace System.Runtime.CompilerServices
{
    /// <summary>What the compiler asks for in records; Unity's class libraries do not have it.</summary>
    internal static class IsExternalInit
    {
    }
}
